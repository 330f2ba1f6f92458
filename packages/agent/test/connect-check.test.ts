import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { refusalLatin1 } from '@metricstream/proto/ack.ts';
import { parseConfig } from '@metricstream/shared/config/load.ts';
import { expect, it } from 'vitest';
import { caFile, readCertificate } from '../../../test/services/certificates.ts';
import { agentSpec } from '../src/config.ts';
import { checkConnection } from '../src/connect-check.ts';
import { start } from './process.ts';
import { collector, type Reply } from './uplink-kit.ts';
import { tempDir } from './support.ts';

const TOKEN = 'ms_token_token_token';

function no(status: number, retryClass: 'never' | 'auth' | 'quota', message: string): Reply {
  const body = Buffer.from(refusalLatin1({ retryClass, message, retryAfterMs: 0, limit: '' }), 'latin1');
  return { status, headers: { 'content-type': 'application/x-protobuf' }, body };
}

const NO_BATCH = no(422, 'never', 'client_id is missing (at byte 0)');

function look(url: string, options = '', more = '') {
  const text = `collector: {url: "${url}", timeout: 1s${options}}\nstate_dir: ${tempDir()}\n${more}`;
  const result = parseConfig(text, agentSpec, {});
  if (!result.ok) throw new Error(result.faults.map(({ what }) => what).join());
  return checkConnection(result.config);
}

it('asks as a batch would come, with the token and the client_id, and stores nothing', async () => {
  const { url, seen } = await collector(() => NO_BATCH, readCertificate('server'));
  const token = join(tempDir(), 'token');
  writeFileSync(token, TOKEN, { mode: 0o600 });
  const found = await look(`${url}/in`, `, token_file: ${token}, tls: {ca_file: ${caFile}}`, 'client_id: web-1');
  expect(found).toEqual([{ level: 'ok', what: `${url}/in: a collector, which takes batches of client web-1` }]);
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({ url: '/in/v1/batches', body: Buffer.alloc(0) });
  expect(seen[0]?.headers).toMatchObject({ authorization: `Bearer ${TOKEN}`, 'client-id': 'web-1' });
});

it('makes no client_id by looking', async () => {
  const { url, seen } = await collector(() => NO_BATCH);
  expect(await look(url)).toMatchObject([{ level: 'ok', what: expect.stringContaining('is made at the first start') }]);
  expect(seen[0]?.headers['client-id']).toBeUndefined();
});

it.each([
  [
    no(401, 'auth', 'who are you'),
    'status 401: who are you; the collector does not accept this agent',
    'see collector.token_file or collector.tls.cert_file',
  ],
  [
    no(403, 'auth', 'not as web-1'),
    'status 403: not as web-1; the collector does not accept this client_id',
    'see client_id, and collector.token_file or collector.tls.cert_file',
  ],
  [{ status: 404 }, 'status 404', 'check collector.url (http or https?), what answers there is no collector'],
  [
    { status: 400, body: Buffer.from('<html>') },
    'status 400: <html>',
    'check collector.url (http or https?), what answers there is no collector',
  ],
] as const)('says what a collector has against it, and what to do', async (reply, what, fix) => {
  const { url } = await collector(() => reply);
  expect(await look(url)).toEqual([{ level: 'fail', what: `${url}: ${what}`, fix }]);
});

it('a collector that is busy is one', async () => {
  const { url } = await collector(() => no(429, 'quota', 'later'));
  expect(await look(url)).toEqual([{ level: 'warn', what: `${url}: status 429: later` }]);
});

it('what does not answer ends the command with 69, what answers something else with 1', async () => {
  const check = async (url: string) => {
    const config = join(tempDir(), 'agent.yaml');
    writeFileSync(config, `collector: {url: "${url}"}\nstate_dir: ${tempDir()}\n`);
    const { code, stdout } = await start('check', '--connect', '-c', config).ended;
    return [code, stdout.split('\n').slice(1).join('\n')];
  };
  const gone = 'http://127.0.0.1:1';
  expect(await check(gone)).toEqual([
    69,
    `fail  ${gone}: nothing listens there\n      → check collector.url, and that the collector runs\n`,
  ]);
  const https = (await collector(() => NO_BATCH)).url.replace('http:', 'https:');
  expect(await check(https)).toEqual([
    1,
    `fail  ${https}: the collector does not speak TLS there\n      → use http:// in collector.url, or switch tls on in the collector\n`,
  ]);
});
