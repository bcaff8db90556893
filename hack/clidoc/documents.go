// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/cli"
)

// documents are the tables of what is printed with -o json. Commands that print the same share one.
func documents(out *bytes.Buffer) {
	out.WriteString(`
## Documents

What ` + "`-o json` and `-o yaml`" + ` print. A member keeps its name and its meaning within a version of the API;
others may be added. Those that are optional are left out where there is nothing to say.
`)
	var order []reflect.Type
	commands := map[reflect.Type][]string{}
	for _, each := range cli.Documents() {
		of := reflect.TypeOf(each.Document)
		if commands[of] == nil {
			order = append(order, of)
		}
		commands[of] = append(commands[of], fmt.Sprintf("`%s` (%s)", each.Kind, each.Command))
	}
	for _, of := range order {
		fmt.Fprintf(out, "\n%s:\n\n| Member | Type | |\n|---|---|---|\n", strings.Join(commands[of], ", "))
		members(out, of, "", false)
	}
}

// members are the rows of a struct, with those of the structs in it.
func members(out *bytes.Buffer, of reflect.Type, before string, optional bool) {
	for i := range of.NumField() {
		field := of.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			members(out, field.Type, before, optional)
			continue
		}
		member(out, field.Type, before+name, optional || strings.Contains(options, "omitempty"))
	}
}

func member(out *bytes.Buffer, of reflect.Type, path string, optional bool) {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	scalar := of == reflect.TypeFor[time.Time]() || of.Implements(reflect.TypeFor[json.Marshaler]())
	switch {
	case of.Kind() == reflect.Slice:
		member(out, of.Elem(), path+"[]", optional)
	case of.Kind() == reflect.Struct && !scalar:
		members(out, of, path+".", optional)
	default:
		note := ""
		if optional {
			note = "optional"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", path, typeName(of), note)
	}
}

// typeName is a type of JSON.
func typeName(of reflect.Type) string {
	switch of.Kind() {
	case reflect.Struct:
		return "time"
	case reflect.Bool:
		return "boolean"
	case reflect.Map:
		return "object of " + typeName(of.Elem())
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "integer"
	}
	return "string"
}
