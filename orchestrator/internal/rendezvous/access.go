// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// serverName stands in the launcher's certificate in place of its addresses, which nobody knows before.
const serverName = "launch.mlperf-ssd"

// lifetime of the certificates; they are forgotten with the run. Clocks of nodes may differ.
const (
	lifetime  = 60 * 24 * time.Hour
	clockSkew = 24 * time.Hour
)

// Access is what a worker needs to reach the launcher of its run, and a secret.
type Access struct {
	Addresses     []string `json:"addresses"` // host:port, tried in order
	Token         string   `json:"token"`
	Configuration string   `json:"configuration"` // hash of the run's
	Authority     []byte   `json:"authority"`     // PEM, like the next two
	Certificate   []byte   `json:"certificate"`
	Key           []byte   `json:"key"`
}

// newAccess makes the certificate authority of a run and two leaves: one for the launcher and one that
// all workers share. The authority's key is not kept.
func newAccess() (Access, *tls.Config, error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Access{}, nil, fmt.Errorf("certificates: %w", err)
	}
	authority := template("mlperf-ssd run", 1)
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	root, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return Access{}, nil, fmt.Errorf("certificates: authority: %w", err)
	}
	access := Access{Token: rand.Text(), Authority: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root})}

	launcher := template(serverName, 2)
	launcher.DNSNames = []string{serverName}
	launcher.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	worker := template("worker.mlperf-ssd", 3)
	worker.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	launcherCertificate, launcherKey, err := leaf(launcher, authority, authorityKey)
	if err != nil {
		return Access{}, nil, err
	}
	if access.Certificate, access.Key, err = leaf(worker, authority, authorityKey); err != nil {
		return Access{}, nil, err
	}
	server, err := tlsConfig(launcherCertificate, launcherKey, access.Authority)
	if err != nil {
		return Access{}, nil, err
	}
	server.ClientAuth = tls.RequireAndVerifyClientCert
	return access, server, nil
}

func template(name string, serial int64) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-clockSkew),
		NotAfter:     now.Add(lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func leaf(t, authority *x509.Certificate, signer *ecdsa.PrivateKey) (certificate, key []byte, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("certificates: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, authority, own.Public(), signer)
	if err != nil {
		return nil, nil, fmt.Errorf("certificates: %s: %w", t.Subject.CommonName, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, nil, fmt.Errorf("certificates: %s: %w", t.Subject.CommonName, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

func tlsConfig(certificate, key, authority []byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, errors.New("certificates: the authority is no PEM certificate")
	}
	// The certificates do not outlive the run: the curve need not outlive it by decades either.
	return &tls.Config{MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}, Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool, ServerName: serverName}, nil
}
