// A consumer that takes verified events and has an effect for each, once. It is an example to copy: what is yours to replace
// is the table in table.mjs, which stands for your database, and effect in worker.mjs.
//
// It reads the environment: NATS_URL, NATS_NKEY, NATS_CA, NATS_INBOX_PREFIX and NATS_JS_API_PREFIX say how to reach NATS,
// DURABLE (default reader) names the consumer, TABLE (default ./events) is where it keeps what it did, and VERIFY_SECRET,
// which may be left out, lets it check each signature again.
import { readFile } from 'node:fs/promises';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, nanos, nkeyAuthenticator } from '@nats-io/transport-node';
import { Table } from './table.mjs';
import { Worker, log } from './worker.mjs';

const { NATS_URL, NATS_NKEY, NATS_CA, NATS_INBOX_PREFIX, NATS_JS_API_PREFIX, DURABLE = 'reader', TABLE = 'events', VERIFY_SECRET } = process.env;

// options say how to connect. A connection that is lost comes back by itself, and with it the consumer.
async function options() {
  const o = { servers: NATS_URL, name: 'consumer', maxReconnectAttempts: -1, inboxPrefix: NATS_INBOX_PREFIX };
  if (NATS_NKEY) o.authenticator = nkeyAuthenticator(new TextEncoder().encode((await readFile(NATS_NKEY, 'utf8')).trim()));
  if (NATS_CA) o.tls = { caFile: NATS_CA };
  return o;
}

// bind returns the durable that the admin made. Where there is none and this user may make one, it does.
async function bind(nc) {
  const api = { checkAPI: false, ...(NATS_JS_API_PREFIX && { apiPrefix: NATS_JS_API_PREFIX }) };
  const { consumers } = jetstream(nc, api);
  try {
    return await consumers.get('VERIFIED', DURABLE);
  } catch (err) {
    if (err.name !== 'ConsumerNotFoundError') throw err;
  }
  const manager = await jetstreamManager(nc, api);
  await manager.consumers.add('VERIFIED', {
    durable_name: DURABLE, filter_subject: 'verified.*', ack_policy: AckPolicy.Explicit, ack_wait: nanos(30_000),
    max_deliver: -1, // no event is given up for its number of deliveries
    max_ack_pending: 256,
  });
  return consumers.get('VERIFIED', DURABLE);
}

const worker = new Worker(await Table.open(TABLE), await Table.open(`${TABLE}.dead`), VERIFY_SECRET);
const nc = await connect(await options());
(async () => {
  for await (const s of nc.status()) if (s.type === 'error') log('WARN', 'connection', { error: String(s.error) }); // a missing permission, for one
})();
const consumer = await bind(nc);

// One event at a time. What is fetched waits here; the durable's MaxAckPending bounds how much that is.
let work = Promise.resolve();
const messages = await consumer.consume({ max_messages: 64, callback: (m) => { work = work.then(() => worker.handle(m)); } });
log('INFO', 'consuming', { durable: DURABLE });

let ending = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    ending = true;
    messages.close();
  });
}
const gone = await messages.closed();
await work; // what was fetched is still handled
await nc.drain(); // the last acknowledgements are out
if (!ending) {
  log('ERROR', 'the consumer is gone', { error: String(gone) });
  process.exitCode = 1;
}
