package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificates writes an authority (ca.pem), and two certificates of it with their keys (cert.pem and
// key.pem, next-cert.pem and next-key.pem: the second is what a service is made to reload).
func certificates(dir string) error {
	authority, authorityKey, err := issue(template(1, "seccinch test authority", true), nil, nil)
	if err != nil {
		return err
	}
	if err := writePem(filepath.Join(dir, "ca.pem"), "CERTIFICATE", authority.Raw); err != nil {
		return err
	}
	for serial, prefix := range []string{"", "next-"} {
		leaf, key, err := issue(template(int64(serial)+2, prefix+"service.seccinch.test", false), authority, authorityKey)
		if err != nil {
			return err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		if err := writePem(filepath.Join(dir, prefix+"cert.pem"), "CERTIFICATE", leaf.Raw); err != nil {
			return err
		}
		if err := writePem(filepath.Join(dir, prefix+"key.pem"), "PRIVATE KEY", der); err != nil {
			return err
		}
	}
	return nil
}

func template(serial int64, name string, authority bool) *x509.Certificate {
	certificate := &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  authority,
		DNSNames:              []string{"localhost", "*.seccinch.test"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if authority {
		certificate.KeyUsage |= x509.KeyUsageCertSign
	}
	return certificate
}

// Issue signs a certificate with its parent, or with itself where there is none.
func issue(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return certificate, key, err
}

func writePem(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644)
}
