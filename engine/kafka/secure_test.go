package kafka

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"agora/engine/kafka/kafkatest"
)

// TestUsersOverTLS appends and reads as a user over TLS, with each way to prove who the user is.
func TestUsersOverTLS(t *testing.T) {
	s, address, certificate := kafkatest.StartSecure(t)
	t.Setenv("SSL_CERT_FILE", certificate) // no other test of the package uses TLS: Go reads it once
	plain := openLog(t, s.URL(t))
	for _, mechanism := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		user := kadm.UpsertSCRAM{User: kafkatest.User, Mechanism: mechanism, Iterations: 4096, Password: kafkatest.Password}
		made, err := kadm.NewClient(plain.client).AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{user})
		if err != nil || made.Error() != nil {
			t.Fatal(err, made.Error())
		}
	}
	for _, mechanism := range []string{"", "scram-sha-256", "plain"} {
		at := url.URL{Scheme: "kafka+tls", Host: address, Path: "/tls" + mechanism, User: url.UserPassword(kafkatest.User, kafkatest.Password)}
		at.RawQuery = url.Values{"replicas": {"1"}, "sasl": {mechanism}}.Encode()
		log := openLog(t, at.String())
		create(t, log, 1)
		if _, err := log.Append(t.Context(), topicName, record("key", 1)); err != nil {
			t.Errorf("with sasl=%s: %v", mechanism, err)
		}
		read, err := log.Read(t.Context(), topicName, 0, 0, 10)
		if err != nil || len(read) != 1 || read[0].Key != "key" {
			t.Errorf("with sasl=%s Read = %v, %v", mechanism, read, err)
		}

		at.User = url.UserPassword(kafkatest.User, "wrong")
		stranger, err := Open(at.String(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		err = stranger.Create(t.Context(), topicName, 1)
		if err == nil || strings.Contains(err.Error(), "wrong") || !strings.Contains(strings.ToLower(err.Error()), "authentication") {
			t.Errorf("with sasl=%s and a wrong password Create = %v, want an error of authentication", mechanism, err)
		}
		if err := stranger.Close(); err != nil {
			t.Error(err)
		}
	}
}
