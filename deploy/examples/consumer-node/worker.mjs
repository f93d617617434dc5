import { createHmac, timingSafeEqual } from 'node:crypto';

// Never says that an event can never be used, however often it is tried.
export class Never extends Error {}

export function log(level, msg, fields) {
  console.error(JSON.stringify({ time: new Date().toISOString(), level, msg, ...fields }));
}

// Worker has the effects.
export class Worker {
  constructor(done, dead, secret) {
    Object.assign(this, { done, dead, secret });
  }

  // handle takes one message to its end: acknowledged after its effect is stored, given back when that failed, or put aside.
  async handle(m) {
    const h = (name) => m.headers?.get(name) ?? '';
    const about = { id: h('ce-id'), type: h('ce-type'), subject: m.subject, traceparent: h('traceparent') };
    if (h('Hookproof-Possible-Duplicate') === 'true') log('INFO', 'possible duplicate: it waited longer than the horizon, the table decides', about);
    try {
      const first = await this.effect(m, h);
      log('INFO', first ? 'done' : 'duplicate', about);
      m.ack();
    } catch (err) {
      await this.failed(m, h, err, about);
    }
  }

  async failed(m, h, err, about) {
    try {
      if (!(err instanceof Never)) throw err;
      log('ERROR', 'put aside', { ...about, error: err.message });
      await this.dead.insert(h('Hookproof-Id'), row(m, h));
      m.term('put aside');
    } catch (again) {
      log('WARN', 'given back', { ...about, error: again.message });
      m.nak(pause(m)); // if this is lost, it comes again after the durable's AckWait
    }
  }

  // effect does what the event asks for, here to keep a row, and notes its key, in one transaction. False says that it was
  // done before.
  async effect(m, h) {
    if (this.secret && !genuine(this.secret, m, h)) throw new Never('signature');
    try {
      m.json();
    } catch {
      throw new Never('not JSON');
    }
    return this.done.insert(key(h), row(m, h));
  }
}

// key is what makes an event the same event: a digest of what the sender signed, or, where the sender's honest bodies repeat
// and the replay check is therefore off, the id of the request.
const key = (h) => (h('Hookproof-Replay-Check') === 'off' ? h('ce-id') : h('Hookproof-Key'));

// pause grows with the deliveries, from 1 s to 1 min.
const pause = (m) => Math.min(60_000, 1000 * 2 ** (m.info.deliveryCount - 1));

// row is what is kept of an event.
const row = (m, h) => JSON.stringify({
  id: h('ce-id'), source: h('ce-source'), type: h('ce-type'), time: h('ce-time'), body: Buffer.from(m.data).toString('base64'),
});

// genuine checks the signature again, for who trusts the bus less than the sender's secret. The body is what the sender
// signed, byte for byte. It says nothing about copies: those only hookproof sees. This is the scheme genesys-webhook; others
// sign other headers, and after a rotation the former secret has to be tried as well.
function genuine(secret, m, h) {
  const want = Buffer.from(createHmac('sha256', secret).update(m.data).digest('base64'));
  const got = Buffer.from(h('Http-X-Genesys-Signature'));
  return got.length === want.length && timingSafeEqual(got, want);
}
