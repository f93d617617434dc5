package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
)

// attack is something that a user must not do, or that must do nothing.
type attack struct {
	name    string
	user    string
	try     func(a *target, t *testing.T, nc *nats.Conn)
	stores  string // the stream on which the attack stores a message, unless it is refused
	refused bool   // the server says that a permission is missing
	forges  bool   // it stores on VERIFIED where all users share one account
}

// outsiders returns the users outside HOOKS.
func outsiders() []string { return []string{"ingress", "provisioner", "operator", "reader"} }

// apis returns the prefixes under which a user might reach the JetStream API; the first is that of the configuration.
func apis(user string) []string {
	if user == "verifier" {
		return []string{"$JS.API."}
	}
	return []string{"HOOKS.API.", "$JS.API."}
}

// attacks returns all of them.
func attacks() []attack {
	return slices.Concat(replyAttacks(), headerAttacks(), publishAttacks(), consumerAttacks(), destroyAttacks(), readAttacks(), ackAttacks(), inboxAttacks())
}

// replyAttacks use subjects that the user may publish on, and ask for the answer on one that it may not. A subject that
// begins with a dot is of the JetStream API.
func replyAttacks() []attack {
	list := []attack{
		{user: "ingress", name: "unverified.forged", stores: bus.StreamUnverified, forges: true},
		{user: "ingress", name: ".STREAM.INFO.UNVERIFIED", forges: true},
		{user: "ingress", name: ".STREAM.MSG.GET.KV_routes", forges: true},
		{user: "provisioner", name: "$KV.policies.forged", stores: "KV_policies", forges: true},
		{user: "provisioner", name: ".STREAM.MSG.GET.KV_policies", forges: true},
		{user: "provisioner", name: ".DIRECT.GET.KV_policies.$KV.policies.genesys", refused: true},
		{user: "provisioner", name: ".CONSUMER.MSG.NEXT.CONFIG.provisioner", forges: true},
		{user: "operator", name: "config.forged", stores: bus.StreamConfig, forges: true},
		{user: "operator", name: ".STREAM.MSG.GET.KV_webhooks", forges: true},
		{user: "reader", name: ".CONSUMER.MSG.NEXT.VERIFIED.reader", forges: true},
		{user: "reader", name: ".CONSUMER.INFO.VERIFIED.reader", forges: true},
	}
	for i, x := range list {
		list[i].name = x.user + " asks " + x.name + " for a reply on verified.forged"
		list[i].try = func(a *target, t *testing.T, nc *nats.Conn) {
			subject := x.name
			if strings.HasPrefix(subject, ".") {
				subject = a.api + subject[1:]
			}
			send(t, nc, subject, "verified.forged", replyBody(subject))
		}
	}
	list = append(list,
		attack{user: "ingress", name: "ingress stores with a reply that acknowledges for a verifier", refused: true,
			try: func(a *target, t *testing.T, nc *nats.Conn) { send(t, nc, "unverified.forged", a.acks["verifier"], "") }})
	return list
}

// replyBody returns what a request on a subject must say.
func replyBody(subject string) string {
	if _, stream, ok := strings.Cut(subject, "STREAM.MSG.GET.KV_"); ok {
		return fmt.Sprintf(`{"last_by_subj":"$KV.%s.genesys"}`, stream)
	}
	return ""
}

// mayPublish returns the first tokens of the subjects on which a user may store.
func mayPublish(user string) []string {
	return map[string][]string{
		"ingress": {"unverified"}, "provisioner": {"$KV.policies", "$KV.routes", "$KV.webhooks"}, "operator": {"config"},
		"verifier": {"verified", "rejected", "parked", "$KV.replay-body", "$KV.replay-signed"},
	}[user]
}

// publishAttacks publish where another role may.
func publishAttacks() []attack {
	var list []attack
	for _, user := range append(outsiders(), "verifier") {
		for _, owner := range append(outsiders(), "verifier") {
			for _, root := range mayPublish(owner) {
				if user == owner {
					continue
				}
				list = append(list, attack{user: user, name: user + " publishes on " + root, refused: true,
					try: func(_ *target, t *testing.T, nc *nats.Conn) { send(t, nc, root+".forged", "", "forged") }})
			}
		}
	}
	return list
}

// consumerAttacks make a consumer, and would have it deliver to verified.genesys. A push consumer waits until somebody
// subscribes to exactly its deliver subject, which the target's core subscriber does.
func consumerAttacks() []attack {
	const body = `{"stream_name":"CONFIG","config":{"durable_name":"%[1]s","name":"%[1]s","deliver_subject":"verified.genesys","ack_policy":"none"}}`
	var list []attack
	for _, user := range append(outsiders(), "verifier") {
		for _, api := range apis(user) {
			for _, call := range []string{"CREATE", "DURABLE.CREATE"} {
				name := user + "-" + strings.ReplaceAll(call, ".", "-")
				list = append(list, attack{user: user, name: user + " makes a push consumer by " + api + call, refused: true,
					forges: api == "$JS.API.", try: asks(api+"CONSUMER."+call+".CONFIG."+name, fmt.Sprintf(body, name))})
			}
		}
	}
	return list
}

// destroyAttacks delete, change or stop what others rely on.
func destroyAttacks() []attack {
	calls := map[string]string{
		"STREAM.PURGE.UNVERIFIED": "", "STREAM.PURGE.KV_policies": "", "STREAM.DELETE.UNVERIFIED": "", "STREAM.DELETE.VERIFIED": "",
		"STREAM.MSG.DELETE.CONFIG":            `{"seq":4}`,
		"STREAM.UPDATE.CONFIG":                `{"name":"CONFIG","subjects":["config.*"],"max_bytes":1000,"max_msgs_per_subject":1}`,
		"STREAM.CREATE.EVIL":                  `{"name":"EVIL","subjects":["evil.*"]}`,
		"CONSUMER.DELETE.UNVERIFIED.verifier": "", "CONSUMER.DELETE.VERIFIED.other": "",
		"CONSUMER.PAUSE.UNVERIFIED.verifier": `{"pause_until":"2999-01-01T00:00:00Z"}`,
	}
	var list []attack
	for _, user := range append(outsiders(), "verifier") {
		for _, api := range apis(user) {
			for call, body := range calls {
				list = append(list, attack{user: user, name: user + " calls " + api + call, refused: true, try: asks(api+call, body)})
			}
		}
	}
	return list
}

// readAttacks ask for what the user must not know.
func readAttacks() []attack {
	get := func(stream string) string { return "STREAM.MSG.GET." + stream }
	secret := map[string][]string{
		"ingress": {get("UNVERIFIED"), get("VERIFIED"), get("CONFIG"), get("KV_policies"), get("KV_webhooks"), "STREAM.INFO.VERIFIED",
			"STREAM.NAMES", "DIRECT.GET.VERIFIED", "CONSUMER.MSG.NEXT.UNVERIFIED.verifier", "CONSUMER.MSG.NEXT.VERIFIED.other"},
		"provisioner": {get("UNVERIFIED"), get("VERIFIED"), get("KV_replay-body"), "DIRECT.GET.VERIFIED", "DIRECT.GET.REJECTED",
			"CONSUMER.MSG.NEXT.UNVERIFIED.verifier", "CONSUMER.MSG.NEXT.VERIFIED.other"},
		"operator": {get("UNVERIFIED"), get("VERIFIED"), get("CONFIG"), get("KV_policies"), "DIRECT.GET.VERIFIED",
			"CONSUMER.MSG.NEXT.CONFIG.provisioner", "CONSUMER.MSG.NEXT.VERIFIED.other"},
		"reader": {get("UNVERIFIED"), get("VERIFIED"), get("CONFIG"), get("KV_policies"), get("KV_webhooks"), "DIRECT.GET.VERIFIED",
			"DIRECT.GET.REJECTED", "STREAM.INFO.VERIFIED", "CONSUMER.INFO.VERIFIED.other", "CONSUMER.MSG.NEXT.VERIFIED.other",
			"CONSUMER.MSG.NEXT.UNVERIFIED.verifier"},
		"verifier": {get("CONFIG"), get("KV_webhooks"), "CONSUMER.MSG.NEXT.CONFIG.provisioner", "CONSUMER.MSG.NEXT.VERIFIED.other"},
	}
	var list []attack
	for _, user := range append(outsiders(), "verifier") {
		const health = "$SYS.REQ.SERVER.PING.HEALTHZ"
		list = append(list, attack{user: user, name: user + " reads " + health, refused: true, try: asks(health, "")})
	}
	for user, calls := range secret {
		for _, api := range apis(user) {
			for _, call := range calls {
				body := ""
				if strings.Contains(call, ".GET.") {
					body = `{"seq":1,"next_by_subj":">"}`
				}
				list = append(list, attack{user: user, name: user + " reads " + api + call, refused: true, try: asks(api+call, body)})
			}
		}
	}
	return list
}

// ackAttacks acknowledge messages that another durable holds, which would lose them.
func ackAttacks() []attack {
	var list []attack
	for _, user := range append(outsiders(), "verifier") {
		for _, durable := range []string{"verifier", "other"} {
			if user == durable {
				continue
			}
			list = append(list, attack{user: user, name: user + " acknowledges for " + durable, refused: true,
				try: func(a *target, t *testing.T, nc *nats.Conn) { send(t, nc, a.acks[durable], "", "+ACK") }})
		}
	}
	return list
}

// inboxAttacks listen where others get answers or messages.
func inboxAttacks() []attack {
	var list []attack
	for _, user := range append(outsiders(), "verifier") {
		for _, subject := range []string{">", "_INBOX.>", "_INBOX_verifier.>", "_INBOX_ingress.>", "_INBOX_provisioner.>", "_INBOX_reader.>",
			"_INBOX_admin.>", "unverified.*", "verified.*", "$KV.policies.*", "$JS.ACK.>"} {
			if subject == "_INBOX_"+user+".>" {
				continue
			}
			list = append(list, attack{user: user, name: user + " listens on " + subject, refused: true, try: listens(subject)})
		}
	}
	return list
}

func send(t *testing.T, nc *nats.Conn, subject, reply, body string) {
	t.Helper()
	if err := nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: []byte(body)}); err != nil {
		t.Error(err)
	}
}

// asks sends a request that must not be answered, unless with an error, or where all users share one account.
func asks(subject, body string) func(*target, *testing.T, *nats.Conn) {
	return func(a *target, t *testing.T, nc *nats.Conn) {
		m, err := nc.Request(subject, []byte(body), settle)
		if err == nil && !a.shared && !bytes.Contains(m.Data, []byte(`"error":`)) && !strings.HasPrefix(m.Header.Get("Status"), "4") {
			t.Errorf("answer to %s = %q %v, want none", subject, m.Data, m.Header)
		}
	}
}

// listens subscribes, and must not get what is published in the account of the streams.
func listens(subject string) func(*target, *testing.T, *nats.Conn) {
	return func(a *target, t *testing.T, nc *nats.Conn) {
		sub, err := nc.SubscribeSync(subject)
		if err != nil {
			t.Error(err)
			return
		}
		if err := nc.Flush(); err != nil {
			t.Error(err)
		}
		probe := strings.NewReplacer(">", "probe", "*", "probe").Replace(subject)
		if strings.HasPrefix(probe, "_INBOX") || probe == "probe" { // elsewhere it would be stored
			send(t, a.core, probe, "", "secret")
		}
		if m, err := sub.NextMsg(settle); err == nil {
			t.Errorf("%s got %q on %s, want nothing", subject, m.Data, m.Subject)
		}
	}
}
