// Holds the AsyncAPI document, and all that it refers to, against AsyncAPI's own parser: npm ci && npm test.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import { DiagnosticSeverity } from '@stoplight/types';
import { Parser } from '@asyncapi/parser';

const source = fileURLToPath(new URL('../../contracts/asyncapi.yaml', import.meta.url));
const text = await readFile(source, 'utf8');

// findings parses a text as if it stood in the document's place and returns what is wrong with it.
async function findings(text) {
  const { document, diagnostics } = await new Parser().parse(text, { source });
  const wrong = diagnostics.filter((d) => d.severity <= DiagnosticSeverity.Warning);
  return { document, wrong: wrong.map((d) => `${d.path.join('.')}: ${d.message}`) };
}

test('the document is right', async () => {
  const { document, wrong } = await findings(text);
  assert.deepEqual(wrong, []);
  const addresses = document.channels().all().map((c) => c.address());
  assert.deepEqual(addresses.sort(), ['config-status', 'config', 'parked', 'rejected', 'unverified', 'verified'].map((root) => `${root}.{webhook}`).sort());
  const verified = document.channels().get('verified').messages().get('verified').headers();
  assert.ok(verified.property('ce-id').pattern(), 'the headers of verified events are read from the schema');
});

// What the parser must not let pass, so that its silence says something. It does not look at examples; a Go test does.
for (const [name, from, to] of [
  ['a reference to nothing', '#/$defs/verified"', '#/$defs/verify"'],
  ['a schema file that there is not', '"config-status.schema.json"', '"status.schema.json"'],
  ['a schema of no type', 'type: string', 'type: text'],
  ['an operation on nothing', 'channel: { $ref: "#/channels/parked" }', 'channel: { $ref: "#/channels/dropped" }'],
  ['an action that there is not', 'action: receive', 'action: take'],
  ['a parameter that is not described', 'verified.{webhook}', 'verified.{hook}'],
  ['a correlation id at no place', '$message.header#/Hookproof-Id', 'Hookproof-Id'],
]) {
  test(`it refuses ${name}`, async () => {
    assert.ok(text.includes(from), `the document has no ${from}`);
    const { wrong } = await findings(text.replace(from, to));
    assert.notDeepEqual(wrong, []);
  });
}
