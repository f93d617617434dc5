package bus

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/planted"
)

// Streams.
const (
	StreamUnverified = "UNVERIFIED"
	StreamVerified   = "VERIFIED"
	StreamRejected   = "REJECTED"
	StreamParked     = "PARKED"
	StreamConfig     = "CONFIG"
)

// Buckets of keys and values.
const (
	BucketReplaySigned = "replay-signed" // claims of keys that cover a signed time
	BucketReplayBody   = "replay-body"   // claims of the others
	BucketPolicies     = "policies"      // what the verifiers must know of a webhook
	BucketRoutes       = "routes"        // what the ingress may know of a webhook
	BucketWebhooks     = "webhooks"      // the provisioner's desired and observed state
)

// Durable consumers, made by Setup. Roles bind to them and make none.
const (
	ConsumerVerifier    = "verifier"    // on UNVERIFIED
	ConsumerProvisioner = "provisioner" // on CONFIG
)

// How long a consumer waits for an acknowledgement before it delivers a message again.
const (
	verifierAckWait    = 30 * time.Second
	provisionerAckWait = 60 * time.Second
)

// dedupeMargin is how much longer than the horizon VERIFIED remembers message ids, and claims live: it covers the five
// minutes that a worker may hold a message, and clocks that are apart.
const dedupeMargin = 15 * time.Minute

// Topology sizes the streams and buckets. The zero value of a field stands for its default.
type Topology struct {
	// Horizon is the longest outage over which each event is verified exactly once; default 1 h. The window of message
	// ids on VERIFIED and the life of signed claims follow from it.
	Horizon time.Duration
	// MaxTolerance is the widest time tolerance that a policy may have; default 15 min. Signed claims outlive it.
	MaxTolerance time.Duration
	// ReplayMemory is how long a key is remembered that covers no signed time; default 24 h.
	ReplayMemory time.Duration
	// MaxStorage is what all streams together may hold, in bytes; default 8 GiB. Their limits must bite before the disk
	// is full: a full disk heals only with a restart.
	MaxStorage int64
	// AckWait is how long a verifier may hold a message before another gets it too; default 30 s.
	AckWait time.Duration
	// Replicas is 1 or, in a cluster, 3; default 1.
	Replicas int
}

// Defaults of Topology.
const (
	DefaultHorizon      = time.Hour
	DefaultMaxTolerance = 15 * time.Minute
	DefaultReplayMemory = 24 * time.Hour
	DefaultMaxStorage   = 8 << 30
)

func (t Topology) withDefaults() Topology {
	if t.Horizon <= 0 {
		t.Horizon = DefaultHorizon
	}
	if t.MaxTolerance <= 0 {
		t.MaxTolerance = DefaultMaxTolerance
	}
	if t.ReplayMemory <= 0 {
		t.ReplayMemory = DefaultReplayMemory
	}
	if t.MaxStorage <= 0 {
		t.MaxStorage = DefaultMaxStorage
	}
	if t.AckWait <= 0 {
		t.AckWait = verifierAckWait
	}
	if t.Replicas <= 0 {
		t.Replicas = 1
	}
	return t
}

// share returns so many hundredths of the storage.
func (t Topology) share(percent int64) int64 { return t.MaxStorage / 100 * percent }

// streams declares every stream, those under the buckets included. The shares of storage add up to 100.
func (t Topology) streams() []jetstream.StreamConfig {
	whenFull := jetstream.DiscardNew // of accepted requests: the oldest must not go
	if planted.DiscardOld {
		whenFull = jetstream.DiscardOld
	}
	return []jetstream.StreamConfig{
		t.stream(jetstream.StreamConfig{Name: StreamUnverified, Subjects: []string{"unverified.*"}, MaxBytes: t.share(25),
			Retention: jetstream.WorkQueuePolicy, Discard: whenFull, Duplicates: 2 * time.Minute,
			AllowBatchPublish: true, AllowAtomicPublish: true,
			Description: "captured requests that wait for a verifier"}),
		t.stream(jetstream.StreamConfig{Name: StreamVerified, Subjects: []string{"verified.*"}, MaxBytes: t.share(35),
			Discard: jetstream.DiscardNew, MaxAge: 7 * 24 * time.Hour, Duplicates: t.Horizon + dedupeMargin, AllowDirect: true,
			AllowBatchPublish: true, AllowAtomicPublish: true,
			Description: "genuine events, each once"}),
		t.stream(jetstream.StreamConfig{Name: StreamRejected, Subjects: []string{"rejected.*"}, MaxBytes: t.share(10),
			Discard: jetstream.DiscardOld, MaxAge: 90 * 24 * time.Hour, Duplicates: 2 * time.Minute, AllowDirect: true,
			Description: "requests that failed a check, with the reason"}),
		t.stream(jetstream.StreamConfig{Name: StreamParked, Subjects: []string{"parked.*"}, MaxBytes: t.share(4),
			Discard: jetstream.DiscardNew, Duplicates: 2 * time.Minute, AllowDirect: true,
			Description: "what could not be judged; somebody has to look"}),
		{Name: StreamConfig, Subjects: []string{"config.*"}, MaxBytes: t.share(1), MaxMsgsPerSubject: 1,
			Storage: jetstream.FileStorage, Replicas: t.Replicas, Discard: jetstream.DiscardOld, Duplicates: 2 * time.Minute,
			MaxMsgSize: 256 << 10, Description: "the desired state of each webhook, the newest message only"},
		t.claims(BucketReplaySigned, t.share(5), t.MaxTolerance+t.Horizon+dedupeMargin),
		t.claims(BucketReplayBody, t.share(17), max(t.ReplayMemory, t.MaxTolerance+t.Horizon+dedupeMargin)),
		t.bucket(BucketPolicies, t.share(1), 0, 16),
		t.bucket(BucketRoutes, t.share(1), 0, 1),
		t.bucket(BucketWebhooks, t.share(1), 0, 16),
	}
}

// stream completes an event stream: on file, and with nothing that deletes but its own limits.
func (t Topology) stream(c jetstream.StreamConfig) jetstream.StreamConfig {
	c.Storage, c.Replicas, c.DenyDelete, c.DenyPurge = jetstream.FileStorage, t.Replicas, true, true
	return c
}

// bucket declares the stream under a bucket as the nats clients expect it, but for direct reads: those may come from a
// replica that lags, and the owner of a claim has to be read from the leader.
func (t Topology) bucket(name string, maxBytes int64, ttl time.Duration, history int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: bucketStream(name), Subjects: []string{keySubject(name, ">")}, MaxBytes: maxBytes, MaxAge: ttl,
		MaxMsgsPerSubject: history, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage, Replicas: t.Replicas,
		AllowRollup: true, DenyDelete: true, Duplicates: 2 * time.Minute,
	}
}

// claims declares the stream under a bucket of claims, which are made in groups.
func (t Topology) claims(name string, maxBytes int64, ttl time.Duration) jetstream.StreamConfig {
	c := t.bucket(name, maxBytes, ttl, 1)
	c.AllowBatchPublish, c.AllowAtomicPublish = true, true
	return c
}

func bucketStream(bucket string) string    { return "KV_" + bucket }
func keySubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// IngressStreams returns the streams that an ingress relies on, those under its buckets included.
func IngressStreams() []string { return []string{StreamUnverified, bucketStream(BucketRoutes)} }

// VerifierStreams returns the streams that a verifier relies on, those under its buckets included.
func VerifierStreams() []string {
	return []string{StreamUnverified, StreamVerified, StreamRejected, StreamParked,
		bucketStream(BucketReplaySigned), bucketStream(BucketReplayBody), bucketStream(BucketPolicies)}
}

// ProvisionerStreams returns the streams that a provisioner relies on, those under its buckets included. UNVERIFIED is among
// them, because a policy stays until what was captured for its webhook is judged.
func ProvisionerStreams() []string {
	return []string{StreamConfig, StreamUnverified, bucketStream(BucketPolicies), bucketStream(BucketRoutes), bucketStream(BucketWebhooks)}
}

type consumerDecl struct {
	stream string
	config jetstream.ConsumerConfig
}

// consumers declares every durable consumer. Deliveries are unlimited: nothing is parked for its count alone.
func (t Topology) consumers() []consumerDecl {
	return []consumerDecl{
		{StreamUnverified, jetstream.ConsumerConfig{Durable: ConsumerVerifier, AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: t.AckWait, MaxDeliver: -1, MaxAckPending: 16384, FilterSubject: "unverified.*",
			Description: "shared by the pool of verifiers"}},
		{StreamConfig, jetstream.ConsumerConfig{Durable: ConsumerProvisioner, AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: provisionerAckWait, MaxDeliver: -1, MaxAckPending: 1024, FilterSubject: "config.*",
			Description: "shared by the provisioners"}},
	}
}
