/** The agent as a process, over TLS and with a token: what it does when they change, and what it never shows. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { caFile, readCertificate } from '../../../test/services/certificates.ts';
import { finalOf, start, startIn } from './process.ts';
import { ack, collector } from './uplink-kit.ts';
import { tempDir } from './support.ts';

const [WRONG, RIGHT] = ['ms_wrong_wrong_wrong', 'ms_right_right_right'] as const;

interface Written {
  config: string;
  token: string;
}

/** An agent that would wait for hours between two tries, were it not for the file that changes. */
function write(url: string, tls: string): Written {
  const dir = tempDir();
  const [config, token] = [join(dir, 'agent.yaml'), join(dir, 'token')];
  writeFileSync(token, WRONG, { mode: 0o600 });
  writeFileSync(
    config,
    `
client_id: web-1
collector: { url: "${url}", timeout: 2s, token_file: ${token}, ${tls} }
state_dir: ${join(dir, 'state')}
collection: { interval: 200ms }
retry: { initial: 10m, max: 60m }
admin: { listen: "127.0.0.1:0" }
`,
  );
  return { config, token };
}

/** Says yes to the right token, and tells of the first one that came with it. */
async function guarded() {
  const stored = Promise.withResolvers<void>();
  const made = await collector((count, { headers }) => {
    if (headers.authorization !== `Bearer ${RIGHT}`) return { status: 401, body: Buffer.from('who are you?') };
    stored.resolve();
    return ack(count);
  }, readCertificate('server'));
  return { ...made, stored: stored.promise };
}

it('halts on a token that is not known, keeps everything, and goes on as soon as the file is right', async () => {
  const { url, stored, seen } = await guarded();
  const { config, token } = write(url, `tls: {ca_file: ${caFile}}`);
  const agent = start('run', '-c', config);
  const { why } = await agent.line('collector (live): halted, the batches stay in the spool');
  expect(why).toContain('status 401: who are you?');
  const { address } = await agent.line('admin listening');
  const get = async (path: string) => (await fetch(`http://${String(address)}${path}`)).text();
  expect(await get('/readyz')).toContain('collector.token_file');
  const shown = [await get('/status'), await get('/metrics')];
  writeFileSync(`${token}.new`, `${RIGHT}\n`, { mode: 0o600 });
  renameSync(`${token}.new`, token);
  const changedAt = performance.now();
  await stored;
  expect(performance.now() - changedAt).toBeLessThan(4000);
  agent.child.kill('SIGTERM');
  const { code, lines, stderr, stdout } = await agent.ended;
  expect(code).toBe(0);
  const { points } = finalOf(lines);
  expect(points).toMatchObject({ acked: points.sampled, dropped: {}, in_spool: 0 });
  // A halted agent is no hammer: one request a lane, and one more a lane for the new token.
  expect(seen.filter(({ headers }) => headers.authorization === `Bearer ${WRONG}`).length).toBeLessThanOrEqual(2);
  const show = await start('config', 'show', '-c', config).ended;
  for (const text of [...shown, stderr, stdout, show.stdout]) expect(text).not.toMatch(/ms_|_wrong|_right/);
});

it('trusts the CAs of the system when no others are named', async () => {
  const { url, stored } = await guarded();
  const { config, token } = write(url, '');
  writeFileSync(token, RIGHT);
  const agent = startIn({ SSL_CERT_FILE: caFile }, 'run', '-c', config);
  await stored;
  agent.child.kill('SIGTERM');
  expect((await agent.ended).code).toBe(0);
});

it('does not start, with 78, without the token that it should have', async () => {
  const { config, token } = write('https://127.0.0.1:1', '');
  writeFileSync(token, 'hunter two');
  for (const verb of ['check', 'run']) {
    const { code, stderr } = await start(verb, '-c', config).ended;
    expect([code, stderr]).toEqual([78, expect.stringContaining(`collector.token_file: ${token}: holds no token`)]);
    expect(stderr).not.toContain('hunter');
  }
});
