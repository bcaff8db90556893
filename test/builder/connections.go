// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Default names of connections, and of what they refer to.
const (
	DefaultSPSConnection = "sps"
	DefaultNPSConnection = "nps"
	SPSCredentials       = "sps-credentials"
	NPSCredentials       = "nps-credentials"
	NPSClientCertificate = "nps-client-certificate"
	defaultSPSURL        = "https://sps.example.com"
	defaultNPSURL        = "https://nps.example.com:6500"
)

// SPSConnection creates a connection that logs in with the Secret SPSCredentials.
func SPSConnection(name string, options ...Option) *pamv1alpha1.SPSConnection {
	connection := &pamv1alpha1.SPSConnection{TypeMeta: typeMeta("SPSConnection")}
	connection.Spec.URL = defaultSPSURL
	connection.Spec.CredentialsSecretRef.Name = SPSCredentials
	return build(connection, name, DefaultNamespace, options)
}

// NPSConnection creates a connection that signs in as an application user with the Secrets NPSCredentials and
// NPSClientCertificate.
func NPSConnection(name string, options ...Option) *pamv1alpha1.NPSConnection {
	connection := &pamv1alpha1.NPSConnection{TypeMeta: typeMeta("NPSConnection")}
	connection.Spec.URL = defaultNPSURL
	connection.Spec.Auth = pamv1alpha1.NPSAuth{
		Type: pamv1alpha1.NPSAuthApplicationUser,
		ApplicationUser: &pamv1alpha1.NPSApplicationUser{
			CredentialsSecretRef: pamv1alpha1.SecretReference{Name: NPSCredentials},
			CertificateSecretRef: pamv1alpha1.SecretReference{Name: NPSClientCertificate},
		},
	}
	return build(connection, name, DefaultNamespace, options)
}

// UserSignIn makes an NPSConnection sign in with a user name and password from the Secret NPSCredentials.
func UserSignIn() Option {
	return With(func(connection *pamv1alpha1.NPSConnection) {
		connection.Spec.Auth = pamv1alpha1.NPSAuth{
			Type: pamv1alpha1.NPSAuthUser,
			User: &pamv1alpha1.NPSUser{CredentialsSecretRef: pamv1alpha1.SecretReference{Name: NPSCredentials}},
		}
	})
}

// Grants sets what the allowed namespaces may request from an NPSConnection.
func Grants(grants ...pamv1alpha1.Grant) Option {
	return With(func(connection *pamv1alpha1.NPSConnection) { connection.Spec.Grants = grants })
}

// OpenToAll lets every namespace manage anything through an SPSConnection.
func OpenToAll() Option {
	return With(func(connection *pamv1alpha1.SPSConnection) {
		connection.Spec.AllowedNamespaces = &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}
		connection.Spec.Grants = []pamv1alpha1.SPSGrant{{
			NamespaceSelector: &metav1.LabelSelector{}, Adoption: pamv1alpha1.AdoptionPolicyAlways,
			Sessions: pamv1alpha1.SessionGrantAny,
		}}
	})
}

// URL sets the address of a connection.
func URL(url string) Option {
	return eitherConnection(
		func(spec *pamv1alpha1.SPSConnectionSpec) { spec.URL = url },
		func(spec *pamv1alpha1.NPSConnectionSpec) { spec.URL = url },
	)
}

// TrustedCA makes a connection trust the certificates in the key ca.crt of a ConfigMap.
func TrustedCA(configMap string) Option {
	settings := pamv1alpha1.TLSSettings{
		CABundleRef: &pamv1alpha1.CABundleReference{Kind: pamv1alpha1.CABundleConfigMap, Name: configMap, Key: "ca.crt"},
	}
	return eitherConnection(
		func(spec *pamv1alpha1.SPSConnectionSpec) { spec.TLS = settings.DeepCopy() },
		func(spec *pamv1alpha1.NPSConnectionSpec) { spec.TLS = settings.DeepCopy() },
	)
}

// AllowNamespaces sets the namespaces that may refer to a connection.
func AllowNamespaces(allowed pamv1alpha1.AllowedNamespaces) Option {
	return eitherConnection(
		func(spec *pamv1alpha1.SPSConnectionSpec) { spec.AllowedNamespaces = allowed.DeepCopy() },
		func(spec *pamv1alpha1.NPSConnectionSpec) { spec.AllowedNamespaces = allowed.DeepCopy() },
	)
}

func eitherConnection(sps func(*pamv1alpha1.SPSConnectionSpec), nps func(*pamv1alpha1.NPSConnectionSpec)) Option {
	return func(object client.Object) {
		switch connection := object.(type) {
		case *pamv1alpha1.SPSConnection:
			sps(&connection.Spec)
		case *pamv1alpha1.NPSConnection:
			nps(&connection.Spec)
		default:
			panic(fmt.Sprintf("an option for connections was given to a %T", object))
		}
	}
}

// Connection makes the object refer to a connection. An empty namespace is omitted and means the object's own, which it
// always is for an ApplianceExport.
func Connection(name, namespace string) Option {
	reference := pamv1alpha1.ConnectionReference{Name: name, Namespace: namespace}
	return func(object client.Object) {
		switch referrer := object.(type) {
		case kinds.ConnectionPolicy:
			referrer.CommonSpec().ConnectionRef = reference
		case *pamv1alpha1.LocalUser:
			referrer.Spec.ConnectionRef = reference
		case *pamv1alpha1.LocalUserGroup:
			referrer.Spec.ConnectionRef = reference
		case *pamv1alpha1.SessionTermination:
			referrer.Spec.ConnectionRef = reference
		case *pamv1alpha1.ApplianceExport:
			referrer.Spec.ConnectionRef.Name = name
		case *pamv1alpha1.ActivitySession:
			referrer.Spec.ConnectionRef = reference
		default:
			panic(fmt.Sprintf("an option for objects that refer to a connection was given to a %T", object))
		}
	}
}

// SPSCredentialsSecret creates the Secret that SPSConnection names.
func SPSCredentialsSecret(username, password string, options ...Option) *corev1.Secret {
	return Secret(SPSCredentials, map[string]string{"username": username, "password": password}, options...)
}
