// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolsevents "k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// spoiling is a field of a status and how it is given a value that cannot be stored.
type spoiling struct {
	path  string
	spoil func(status reflect.Value)
}

// isSafe says that a field of a status can hold whatever it is given.
func isSafe(field reflect.StructField, name string) bool {
	return name == "conditions" || !field.IsExported() || field.Type == reflect.TypeFor[*metav1.Duration]()
}

// spoilings finds every field of a status, conditions aside, which are written by the operator alone, and durations, of
// which there is none that cannot be stored.
func spoilings(typ reflect.Type, path string, into func(reflect.Value) reflect.Value) (out []spoiling) {
	set := func(path string, value any, into func(reflect.Value) reflect.Value) {
		out = append(out, spoiling{path, func(status reflect.Value) {
			into(status).Set(reflect.ValueOf(value).Convert(into(status).Type()))
		}})
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		at := func(status reflect.Value) reflect.Value { return into(status).Field(i) }
		switch of := field.Type; {
		case isSafe(field, name):
		case of == reflect.TypeFor[*metav1.MicroTime]():
			set(path+name, &metav1.MicroTime{Time: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}, at)
		case field.Anonymous:
			out = append(out, spoilings(of, path, at)...)
		case of == reflect.TypeFor[*metav1.Time]():
			set(path+name, &metav1.Time{Time: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}, at)
		case of == reflect.TypeFor[metav1.Time]():
			set(path+name, metav1.Time{Time: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}, at)
		case of.Kind() == reflect.String:
			set(path+name, strings.Repeat("x", 40_000), at)
		case of == reflect.TypeFor[[]string]():
			set(path+name, []string{strings.Repeat("x", 40_000)}, at)
		case of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct:
			out = append(out, spoilings(of.Elem(), path+name+".", func(status reflect.Value) reflect.Value {
				if at(status).IsNil() {
					at(status).Set(reflect.New(of.Elem()))
				}
				return at(status).Elem()
			})...)
		case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct:
			out = append(out, spoiling{path + name, func(status reflect.Value) {
				at(status).Set(reflect.MakeSlice(of, 1000, 1000))
			}})
		}
	}
	return out
}

var _ = Describe("A status that the API server refuses", func() {
	const namespace = "refused-statuses"
	in := builder.InNamespace(namespace)
	kinds := map[string]client.Object{
		"SPSConnection":       builder.SPSConnection("a", in),
		"NPSConnection":       builder.NPSConnection("a", in),
		"RDPConnectionPolicy": builder.RDPConnectionPolicy("a", in, builder.Connection("none", "")),
		"LocalUser":           builder.LocalUser("a", in, builder.Connection("none", ""), builder.PasswordFrom("none")),
		"LocalUserGroup":      builder.LocalUserGroup("a", in, builder.Connection("none", "")),
		"SessionTermination":  builder.SessionTermination("a", "s", in, builder.Connection("none", "")),
		"ApplianceExport":     builder.ApplianceExport("a", in, builder.Connection("none", "")),
		"ActivitySession":     builder.ActivitySession("a", in, builder.Connection("none", "")),
	}
	for kind, obj := range kinds {
		It("does not leave a "+kind+" at what it said before, whatever is refused", func(ctx context.Context) {
			ns := builder.Namespace(namespace)
			Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, ns))).To(Succeed())
			Expect(k8s.Create(ctx, obj)).To(Succeed())
			DeferCleanup(func(ctx context.Context) {
				Expect(client.IgnoreNotFound(k8s.Delete(ctx, obj))).To(Succeed())
			})
			eventuallyReason(ctx, obj, pamv1alpha1.ReasonConnectionNotReady)
			refused := 0
			for _, s := range spoilings(reflect.ValueOf(obj).Elem().FieldByName("Status").Type(), "status.",
				func(status reflect.Value) reflect.Value { return status }) {
				saved := spoil(ctx, obj, s)
				if condition := readyCondition(saved); condition.Reason == pamv1alpha1.ReasonInternalError {
					refused++
					Expect(condition.Status).To(Equal(metav1.ConditionFalse), s.path)
					Expect(condition.ObservedGeneration).To(Equal(saved.GetGeneration()), s.path)
					Expect(condition.Message).To(ContainSubstring(strings.Split(s.path, ".")[1]), s.path)
					Expect(len(condition.Message)).To(BeNumerically("<", 2048), s.path)
				}
			}
			Expect(refused).To(BeNumerically(">", 0))
		})
	}
})

// spoil ends a pass with a status that cannot be stored, and returns what is stored then.
func spoil(ctx context.Context, obj client.Object, s spoiling) (saved client.Object) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
		now, ok := obj.DeepCopyObject().(client.Object)
		g.Expect(ok).To(BeTrue())
		s.spoil(reflect.ValueOf(now).Elem().FieldByName("Status"))
		result, err := saveStatus(ctx, obj, now)
		g.Expect(err).NotTo(HaveOccurred(), s.path)
		saved, ok = obj.DeepCopyObject().(client.Object)
		g.Expect(ok).To(BeTrue())
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(obj), saved)).To(Succeed())
		condition := readyCondition(saved)
		accepted := condition.Reason == pamv1alpha1.ReasonSynced
		g.Expect(accepted || condition.Reason == pamv1alpha1.ReasonInternalError).To(BeTrue(), s.path+": "+condition.Reason)
		if !accepted { // it is not tried again at once
			g.Expect(result.RequeueAfter).To(BeNumerically(">", time.Minute), s.path)
		}
	}).Should(Succeed())
	return saved
}

func readyCondition(o client.Object) metav1.Condition {
	GinkgoHelper()
	condition := meta.FindStatusCondition(conditions(o), pamv1alpha1.ConditionReady)
	Expect(condition).NotTo(BeNil())
	return *condition
}

// What an appliance or a server says of itself fits into a status, whatever it is.
var _ = Describe("Foreign text", func() {
	long := strings.Repeat("xü\u0007", 300)

	It("of an appliance fits into the status of its connection", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		info, err := json.Marshal(map[string]any{"body": map[string]any{
			"firmware_version": long, "config_hash": strings.Repeat("0", 32), "hostname": long, "roles": []string{long},
		}})
		Expect(err).NotTo(HaveOccurred())
		s.spsFault(fault.Rule{Name: "info", Path: "^/api/info$", Status: http.StatusOK, Body: string(info)})
		conn := s.spsConnection("sps")
		s.create(ctx, conn)
		eventuallyReady(ctx, conn)
		Expect(conn.Status.Version).To(HavePrefix("xüxü"))
	})

	It("of an appliance that names itself by what cannot be stored is an error", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		body := fmt.Sprintf(`{"body":{"firmware_version":"7.0.3","config_hash":%q}}`, strings.Repeat("0", 129))
		s.spsFault(fault.Rule{Name: "info", Path: "^/api/info$", Status: http.StatusOK, Body: body})
		conn := s.spsConnection("sps")
		s.create(ctx, conn)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnreachable)
		Expect(message(ctx, conn)).To(ContainSubstring("config_hash"))
	})

	It("of a server fits into the status of a session", func(ctx context.Context) {
		s := newSiteOf(ctx, simsps.Options{}, simnps.Options{})
		conn := s.npsConnection()
		s.create(ctx, conn)
		eventuallyReady(ctx, conn)
		id := "b9fc22e3-0000-4000-8000-00000000f00d"
		body, err := json.Marshal(map[string]any{
			"id": id, "status": 4, "statusDescription": long, "loginAccountName": long, "note": long,
			"activity":           map[string]any{"id": id, "name": long, "platformId": id},
			"createdDateTimeUtc": "2026-01-02T03:04:05Z", "sessionExtensionCount": 1 << 62,
		})
		Expect(err).NotTo(HaveOccurred())
		s.fault(fault.Rule{
			Name: "made", Method: http.MethodPost, Path: createPath, Status: http.StatusCreated, Body: string(body),
		})
		s.fault(fault.Rule{
			Name: "read", Method: http.MethodGet, Path: "/ActivitySession/" + id + "$", Status: http.StatusOK,
			Body: string(body),
		})
		session := s.session(ctx, "session")
		eventuallyReason(ctx, session, pamv1alpha1.ReasonFailed)
		Expect(session.Status.LoginAccount).To(HavePrefix("xüxü"))
	})
})

// saveStatus ends a pass that found everything as it should be.
func saveStatus(ctx context.Context, before, obj client.Object) (ctrl.Result, error) {
	was, ok1 := before.(loop.Object)
	is, ok2 := obj.(loop.Object)
	Expect(ok1 && ok2).To(BeTrue())
	deps := loop.Deps{Client: k8s, Live: k8s, Events: toolsevents.NewFakeRecorder(100)}
	return deps.StatusWriter().Save(ctx, was, is, loop.Done(pamv1alpha1.ReasonSynced, "as it should be"))
}
