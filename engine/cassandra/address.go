package cassandra

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const (
	defaultPort        = 9042
	defaultReplication = 3
)

// address is the URL of a keyspace, read.
type address struct {
	hosts          []string
	port           int
	user, password string
	keyspace       string
	replication    int
	datacenter     string
	tls            bool
}

// keyspaceName is what Cassandra accepts without quotes. A longer name makes names of folders that some systems refuse.
var keyspaceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// parse reads the URL of a keyspace. Its errors name no part that may hold the password.
func parse(rawURL string) (address, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "cassandra" {
		return address{}, errors.New("the address of Cassandra is not a URL such as cassandra://host,host:9042/keyspace")
	}
	a := address{port: defaultPort, keyspace: strings.TrimPrefix(u.Path, "/"), replication: defaultReplication}
	for host := range strings.SplitSeq(u.Hostname(), ",") {
		if host == "" {
			return address{}, errors.New("the address of Cassandra names no host, or an empty one")
		}
		a.hosts = append(a.hosts, host)
	}
	if port := u.Port(); port != "" {
		if a.port, err = strconv.Atoi(port); err != nil || a.port < 1 || a.port > 65535 {
			return address{}, fmt.Errorf("the port %q of Cassandra is not between 1 and 65535", port)
		}
	}
	if !keyspaceName.MatchString(a.keyspace) {
		return address{}, fmt.Errorf("the keyspace %q of Cassandra has to be a name of small letters, digits and _, at most 48", a.keyspace)
	}
	if u.User != nil {
		a.user = u.User.Username()
		a.password, _ = u.User.Password()
	}
	err = a.settings(u.Query())
	return a, err
}

func (a *address) settings(query url.Values) (err error) {
	for name, values := range query {
		value := values[len(values)-1]
		switch name {
		case "replication":
			if a.replication, err = strconv.Atoi(value); err != nil || a.replication < 1 {
				return fmt.Errorf("the replication %q of Cassandra is not a number of nodes", value)
			}
		case "datacenter":
			a.datacenter = value
		case "tls":
			if a.tls, err = strconv.ParseBool(value); err != nil {
				return fmt.Errorf("tls=%q of the address of Cassandra is neither true nor false", value)
			}
		default:
			return fmt.Errorf("the address of Cassandra has an unknown setting %q: there are replication, datacenter and tls", name)
		}
	}
	return nil
}
