package genesys

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// DefaultEnvironment is the region used where none is named.
const DefaultEnvironment = "mypurecloud.com"

// Environments returns the domains of Genesys Cloud's regions, as
// https://developer.genesys.cloud/platform/api/ lists them. The list grows: a region that is missing here is reached by
// giving both base URLs.
func Environments() []string {
	return []string{
		"mypurecloud.com", "mypurecloud.ie", "mypurecloud.de", "mypurecloud.jp", "mypurecloud.com.au",
		"usw2.pure.cloud", "cac1.pure.cloud", "apne2.pure.cloud", "euw2.pure.cloud", "aps1.pure.cloud", "sae1.pure.cloud",
		"mec1.pure.cloud", "apne3.pure.cloud", "euc2.pure.cloud", "mxc1.pure.cloud", "apse1.pure.cloud",
		"use2.us-gov-pure.cloud", "edee1.eusc-pure.cloud",
	}
}

// endpoints are the two hosts of a region, without a trailing slash.
type endpoints struct{ api, login *url.URL }

// endpoints resolves the region, or the explicit URLs where both are given.
func (c Config) endpoints() (endpoints, error) {
	if c.APIURL == "" && c.LoginURL == "" {
		return c.region()
	}
	if c.APIURL == "" || c.LoginURL == "" {
		return endpoints{}, errors.New("APIURL and LoginURL: give both or neither")
	}
	api, errAPI := c.baseURL("APIURL", c.APIURL)
	login, errLogin := c.baseURL("LoginURL", c.LoginURL)
	return endpoints{api: api, login: login}, errors.Join(errAPI, errLogin)
}

func (c Config) region() (endpoints, error) {
	domain := c.Environment
	if domain == "" {
		domain = DefaultEnvironment
	}
	if !slices.Contains(Environments(), domain) {
		return endpoints{}, fmt.Errorf("unknown Environment %.64q: give one of %s, or both APIURL and LoginURL",
			domain, strings.Join(Environments(), ", "))
	}
	return endpoints{
		api:   &url.URL{Scheme: "https", Host: "api." + domain},
		login: &url.URL{Scheme: "https", Host: "login." + domain},
	}, nil
}

// baseURL accepts https://host[:port][/path], and http where the client's credentials stay on this machine.
func (c Config) baseURL(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: not a URL", name) // the parser's error repeats the text, which may hold a password
	}
	switch {
	case u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("%s: has no host", name)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s: has user information, a query or a fragment", name)
	case u.Scheme == "http" && !c.AllowPlainHTTP && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%s: http would send the client secret in the clear; use https", name)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%s: the scheme %.16q is not https", name, u.Scheme)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
