// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"context"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// luaTimeout is how long Argo CD lets a script run.
const luaTimeout = time.Second

// runLua runs a script as Argo CD does for scripts of argocd-cm, and returns what the script returns: the libraries
// package, base and table, and behind require("os") only date and time.
func runLua(ctx context.Context, script string, object map[string]any) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		call := lua.P{Fn: state.NewFunction(open), Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	state.PreloadModule(lua.OsLibName, openClock)
	ctx, cancel := context.WithTimeout(ctx, luaTimeout)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	return fromLua(state.Get(-1))
}

// clock has the layouts of the formats that os.date knows here.
var clock = map[string]string{"!%Y-%m-%dT%XZ": "2006-01-02T15:04:05Z"}

// openClock is the part of the library os that Argo CD has.
func openClock(state *lua.LState) int {
	state.Push(state.SetFuncs(state.NewTable(), map[string]lua.LGFunction{
		"time": func(state *lua.LState) int {
			state.Push(lua.LNumber(time.Now().Unix()))
			return 1
		},
		"date": func(state *lua.LState) int {
			layout, known := clock[state.CheckString(1)]
			if !known {
				state.RaiseError("the sandbox does not know the format %s", state.CheckString(1))
			}
			state.Push(lua.LString(time.Now().UTC().Format(layout)))
			return 1
		},
	}))
	return 1
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case []any:
		table := state.CreateTable(len(v), 0)
		for _, item := range v {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(v))
		for key, item := range v {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}

// fromLua is the opposite. An empty table is a list, because Lua cannot tell.
func fromLua(value lua.LValue) (any, error) {
	switch v := value.(type) {
	case *lua.LNilType:
		return nil, nil //nolint:nilnil // nil is a value of Lua
	case lua.LBool:
		return bool(v), nil
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		if whole := int64(v); lua.LNumber(whole) == v {
			return whole, nil
		}
		return float64(v), nil
	case *lua.LTable:
		if key, _ := v.Next(lua.LNil); key.Type() == lua.LTString {
			return fromTable(v)
		}
		return fromList(v)
	}
	return nil, fmt.Errorf("a script returned a %s", value.Type())
}

func fromTable(table *lua.LTable) (any, error) {
	out := map[string]any{}
	var failure error
	table.ForEach(func(key, value lua.LValue) {
		item, err := fromLua(value)
		if name, isText := key.(lua.LString); isText && err == nil {
			out[string(name)] = item
		} else if failure == nil {
			failure = fmt.Errorf("key %s: a table has only text as keys, or is a list (%w)", key, err)
		}
	})
	return out, failure
}

func fromList(table *lua.LTable) (any, error) {
	out := make([]any, 0, table.Len())
	for i := 1; i <= table.Len(); i++ {
		item, err := fromLua(table.RawGetInt(i))
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}
