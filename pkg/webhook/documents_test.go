package webhook_test

// document is a config message that is right, or wrong in the named fields.
type document struct {
	name   string
	json   string
	wrong  []string // paths of the fields that are wrong; none for a good document
	beyond bool     // wrong in a way that a JSON Schema cannot express
}

const minimal = `"webhook":"w","kind":"none","secret":"env:WEBHOOK_SECRET"`

func documents() []document {
	return append(append(goodDocuments(), wrongValues()...), wrongCombinations()...)
}

func goodDocuments() []document {
	return []document{
		{name: "minimal", json: `{` + minimal + `}`},
		{name: "absent needs nothing else", json: `{"webhook":"w","state":"absent"}`},
		{name: "every field of none", json: `{"webhook":"A_b-9","kind":"none","generation":7,"state":"present","name":"Orders","scheme":"standard-webhooks",
			"secret":"file:orders","secretOverlap":"0s","allowlist":["203.0.113.0/24","2001:db8::/32","198.51.100.7","::ffff:192.0.2.1","::ffff:192.0.2.0/120","genesys:open-messaging"],
			"tolerance":"1m30s","replay":"off","eventType":"/type","maxBodyBytes":786432,"rateLimit":{"maxRequestsPerSecond":50,"burstSize":100}}`},
		{name: "every field of webhook", json: `{"webhook":"w","kind":"webhook","targetUri":"https://hooks.example.com:8443/webhooks/w?x=1","events":["a.b","c"],
			"scheme":"genesys-webhook","secret":"generate","retryPolicy":{"retryCount":5,"retryDelaySeconds":5},"rateLimit":{"maxRequestsPerSecond":1}}`},
		{name: "every field of open messaging", json: `{"webhook":"w","kind":"open-messaging","targetUri":"https://hooks.example.com:443/w","secret":"env:HOOKPROOF_SECRET_A",
			"supportedContentId":"5d0d331e","messagingSettingId":"e6b352de","webhookHeaders":{"X-Team":"orders"}}`},
		{name: "generated secret with a label", json: `{"webhook":"w","kind":"webhook","secret":"generate:2026-11","targetUri":"https://hooks.example.com/","events":["e"]}`},
		{name: "custom scheme", json: `{` + minimal + `,"scheme":{"signatureHeader":"X-Hub-Signature-256","prefix":"sha256=","encoding":"hex","signs":"body"}}`},
		{name: "custom scheme with time", json: `{` + minimal + `,"scheme":{"name":"custom","signatureHeader":"X-Sig","encoding":"base64","signs":"timestamp.body","timestampHeader":"X-Time","timestampUnit":"s"}}`},
	}
}

func wrongValues() []document {
	field := func(name, fields string, beyond bool, wrong ...string) document {
		return document{name: name, json: `{` + minimal + `,` + fields + `}`, wrong: wrong, beyond: beyond}
	}
	return []document{
		field("unknown field", `"urgent":true`, false, "urgent"),
		field("another case", `"Tolerance":"1m"`, false, "Tolerance"),
		field("null", `"name":null`, false, "name"),
		field("state", `"state":"gone"`, false, "state"),
		field("generation negative", `"generation":-1`, false, "generation"),
		field("generation a text", `"generation":"1"`, false, "generation"),
		field("name with a line feed", `"name":"a\nb"`, false, "name"),
		field("scheme unknown", `"scheme":"hmac"`, false, "scheme"),
		field("scheme custom by name", `"scheme":"custom"`, false, "scheme"),
		field("scheme with the name of a known one", `"scheme":{"name":"genesys-webhook","signatureHeader":"X-S","encoding":"hex","signs":"body"}`, false, "scheme.name"),
		field("scheme with several faults", `"scheme":{"signatureHeader":"X S","encoding":"base32","signs":"head","colour":1}`, false,
			"scheme.colour", "scheme.encoding", "scheme.signatureHeader", "scheme.signs"),
		field("scheme without its headers", `"scheme":{"signatureHeader":"X-S","encoding":"hex","signs":"id.timestamp.body"}`, false, "scheme.idHeader", "scheme.timestampHeader"),
		field("scheme in a header that is not captured", `"scheme":{"signatureHeader":"authorization","encoding":"hex","signs":"body"}`, true, "scheme.signatureHeader"),
		field("overlap without unit", `"secretOverlap":"600"`, false, "secretOverlap"),
		field("overlap a number", `"secretOverlap":600`, false, "secretOverlap"),
		field("overlap negative", `"secretOverlap":"-1s"`, false, "secretOverlap"),
		field("overlap too long", `"secretOverlap":"169h"`, true, "secretOverlap"),
		field("tolerance zero", `"tolerance":"0s"`, true, "tolerance"),
		field("tolerance too long", `"tolerance":"15m1s"`, true, "tolerance"),
		field("allowlist empty", `"allowlist":[]`, false, "allowlist"),
		field("allowlist a text", `"allowlist":"203.0.113.7"`, false, "allowlist"),
		field("allowlist with null", `"allowlist":[null]`, false, "allowlist"),
		field("allowlist entries", `"allowlist":["203.0.113.7","host","fe80::1%eth0","203.0.113.0/x"]`, false, "allowlist[1]", "allowlist[2]", "allowlist[3]"),
		field("allowlist every address", `"allowlist":["0.0.0.0/0","::/0"]`, false, "allowlist[0]", "allowlist[1]"),
		field("allowlist beyond a pattern", `"allowlist":["203.0.113.7/24","203.0.113.045","::ffff:0.0.0.0/95","::ffff:0.0.0.0/96","203.0.113.0/33"]`, true,
			"allowlist[0]", "allowlist[1]", "allowlist[2]", "allowlist[3]", "allowlist[4]"),
		field("replay", `"replay":true`, false, "replay"),
		field("replay unknown", `"replay":"no"`, false, "replay"),
		field("event type", `"eventType":"type"`, false, "eventType"),
		field("body zero", `"maxBodyBytes":0`, false, "maxBodyBytes"),
		field("body too large", `"maxBodyBytes":786433`, false, "maxBodyBytes"),
		field("rate without its rate", `"rateLimit":{}`, false, "rateLimit.maxRequestsPerSecond"),
		field("rate limit", `"rateLimit":{"maxRequestsPerSecond":0,"burstSize":-1,"perMinute":3}`, false,
			"rateLimit.burstSize", "rateLimit.maxRequestsPerSecond", "rateLimit.perMinute"),
		field("rate limit a number", `"rateLimit":5`, false, "rateLimit"),
	}
}

func wrongCombinations() []document {
	return []document{
		{name: "nothing", json: `{}`, wrong: []string{"kind", "secret", "webhook"}},
		{name: "names", json: `{"webhook":"a.b","kind":"hook","secret":"env:PATH"}`, wrong: []string{"kind", "secret", "webhook"}},
		{name: "plain secret", json: `{"webhook":"w","kind":"none","secret":"correct horse battery staple"}`, wrong: []string{"secret"}},
		{name: "secret not a text", json: `{"webhook":"w","kind":"none","secret":12345678901234567}`, wrong: []string{"secret"}},
		{name: "secret that is a setting", json: `{"webhook":"w","kind":"none","secret":"env:HOOKPROOF_SECRET_DIR"}`, wrong: []string{"secret"}},
		{name: "secret above the directory", json: `{"webhook":"w","kind":"none","secret":"file:../x"}`, wrong: []string{"secret"}, beyond: true},
		{name: "generate for none", json: `{"webhook":"w","kind":"none","secret":"generate"}`, wrong: []string{"secret"}},
		{name: "generate with a label for none", json: `{"webhook":"w","kind":"none","secret":"generate:2"}`, wrong: []string{"secret"}},
		{name: "generate with a wrong label", json: `{"webhook":"w","kind":"webhook","secret":"generate:","targetUri":"https://hooks.example.com/","events":["e"]}`, wrong: []string{"secret"}},
		{name: "fields of other kinds", json: `{` + minimal + `,"events":["a"],"retryPolicy":{"retryCount":1},"supportedContentId":"a","messagingSettingId":"b","webhookHeaders":{"A":"b"}}`,
			wrong: []string{"events", "messagingSettingId", "retryPolicy", "supportedContentId", "webhookHeaders"}},
		{name: "webhook without what it needs", json: `{"webhook":"w","kind":"webhook","secret":"generate","scheme":"genesys-open-messaging"}`,
			wrong: []string{"events", "scheme", "targetUri"}},
		{name: "webhook values", json: `{"webhook":"w","kind":"webhook","secret":"generate","targetUri":"ftp://hooks.example.com","events":["a","a b","a"],"retryPolicy":{"retryCount":11,"retryDelaySeconds":-1}}`,
			wrong: []string{"events[1]", "events[2]", "retryPolicy.retryCount", "retryPolicy.retryDelaySeconds", "targetUri"}},
		{name: "open messaging values", json: `{"webhook":"w","kind":"open-messaging","secret":"generate","targetUri":"https://hooks.example.com:8443/","supportedContentId":"a b","webhookHeaders":{"A:":"b","C":"d\n"}}`,
			wrong: []string{"supportedContentId", "targetUri", "webhookHeaders.A:", "webhookHeaders.C"}},
	}
}
