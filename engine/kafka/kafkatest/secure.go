package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"agora/scripts/scripttest"
)

// secure is the listener of a server with TLS and users.
type secure struct {
	listen  string // host:port; "" for none
	options string // lines for server.properties
}

// The user of a secure listener. With SCRAM the test has to make it.
const (
	User     = "agora"
	Password = "a secret: with signs"
)

// StartSecure starts a server for one test that listens with TLS and users too. It returns the address of that listener, and the
// file of the certificate that clients have to trust.
func StartSecure(t *testing.T) (s *Server, address, certificate string) {
	t.Helper()
	keys, certificate := certify(t)
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	s = &Server{folder: t.TempDir(), secure: secure{listen: address, options: fmt.Sprintf(`ssl.keystore.type=PEM
ssl.keystore.location=%s
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%s="%s";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`, keys, User, Password)}}
	s.once.Do(s.run)
	scripttest.Need(t, s.err)
	t.Cleanup(func() { _ = s.Stop() })
	return s, address, certificate
}

// certify writes a key with its certificate, and the certificate alone.
func certify(t *testing.T) (keys, certificate string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kafka"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})
	folder := t.TempDir()
	keys, certificate = filepath.Join(folder, "keys.pem"), filepath.Join(folder, "certificate.pem")
	for file, content := range map[string][]byte{
		keys: append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), public...), certificate: public,
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return keys, certificate
}
