/** Who may come in, at a running collector of four workers: tokens from the real command, over kept-alive connections. */
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type CollectorApp, startCollector } from '../app.ts';
import { collectorCommand, newToken, type OneConnection, oneConnection } from './token-kit.ts';

const dir = mkdtempSync(join(tmpdir(), 'ms-identity-'));
const file = join(dir, 'tokens');
let collector: CollectorApp;
let webToken: string;
const secrets: string[] = [];

/** The collector takes a changed file within this long; the promise is a second. */
const TAKEN_WITHIN_MS = 1000;

async function token(client: string, ...more: string[]): Promise<string> {
  const made = await newToken(file, client, ...more);
  secrets.push(made);
  return made;
}

function connection(clientId: string): OneConnection {
  const made = oneConnection(collector.url, clientId);
  onTestFinished(() => made.close());
  return made;
}

/** Sends with a token until it is known. */
async function untilKnown(made: OneConnection, secret: string): Promise<void> {
  const answer = await made.sendUntilNot(401, secret);
  expect(answer.status, answer.text).toBe(200);
}

async function metric(name: string): Promise<number> {
  const text = await (await request(`${collector.admin}/metrics`)).body.text();
  return Number(new RegExp(`^metricstream_collector_${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

async function door(): Promise<{ tokens: number; tokens_file_broken: boolean }> {
  const status = (await collector.status()) as { front_door: { tokens: number; tokens_file_broken: boolean } };
  return status.front_door;
}

beforeAll(async () => {
  webToken = await token('web-*');
  const limits = { per_address: { unauthenticated: 'unlimited' }, per_client: { requests: 'unlimited' } };
  collector = await startCollector({ dir, config: { auth: 'tokens', tokens_file: file, workers: 4, limits } });
});

afterAll(async () => {
  await collector.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('a client with its token is taken, under its own client_ids only', async () => {
  const client = connection('web-1');
  expect((await client.send(webToken)).status).toBe(200);
  expect((await client.send(webToken, 'web-2')).status).toBe(200);
  const other = await client.send(webToken, 'db-1');
  expect([other.status, other.text]).toEqual([403, expect.stringMatching(/may not speak for this Client-Id/)]);
  expect((await client.send(webToken)).status).toBe(200);
});

test('without a token, or with one that nobody made, it is told what to do', async () => {
  const client = connection('web-1');
  const none = await client.send('');
  expect(none.status).toBe(401);
  expect(none.text).toMatch(/send Authorization: Bearer TOKEN; metricstream-collector token new/);
  expect(none.headers['www-authenticate']).toBe('Bearer realm="metricstream"');
  expect((await client.send(`${webToken}x`)).text).toMatch(/not known here/);
});

test('only the health of the collector is told to everybody', async () => {
  const status = async (path: string): Promise<number> => (await request(collector.url + path)).statusCode;
  expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 200]);
  expect([await status('/nowhere'), await status('/v1/batches'), await status('/')]).toEqual([401, 401, 401]);
});

test('a rotation: two tokens live side by side; the revoked one is out within a second on its open connection', {
  timeout: 60_000,
}, async () => {
  const before = await token('app-1', '--name', 'app-1-a');
  const [old, next] = [connection('app-1'), connection('app-1')];
  await untilKnown(old, before);
  const after = await token('app-1', '--name', 'app-1-b');
  await untilKnown(next, after);
  expect((await old.send(before)).status).toBe(200);

  const tookMs: number[] = [];
  for (const round of [0, 1, 2]) {
    const [secret, name] =
      round === 0 ? [before, 'app-1-a'] : [await token('app-1', '--name', `r${round}`), `r${round}`];
    await untilKnown(old, secret);
    const counting = old.sendUntilNot(200, secret);
    const { code } = await collectorCommand('token', 'revoke', name, '--file', file);
    // The command has replaced the file a little before it ends.
    const revokedMs = performance.now();
    const refused = await counting;
    expect([code, refused.status]).toEqual([0, 401]);
    expect(refused.text).toMatch(/not known here; it was never made, or was revoked/);
    tookMs.push(refused.atMs - revokedMs);
  }
  expect(Math.max(...tookMs), tookMs.join(' ')).toBeLessThan(TAKEN_WITHIN_MS);
  expect((await next.send(after)).status).toBe(200);
});

test('a token lets nobody in from the moment it expires, on its open connection', async () => {
  const short = await token('short-1', '--expires', '2s');
  const client = connection('short-1');
  await untilKnown(client, short);
  const expired = await client.sendUntilNot(200, short);
  expect([expired.status, expired.text]).toEqual([401, expect.stringMatching(/this token has expired/)]);
  const at = /short-1-\d+ .*expires=(\S+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  const lateMs = Date.now() - Date.parse(at);
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(TAKEN_WITHIN_MS);
});

test('a file that is broken or gone changes nothing, and is told of: in the log, in figures', async () => {
  const good = readFileSync(file);
  const client = connection('web-1');
  appendFileSync(file, 'web-b web-* sha256:nonsense\n');
  const broken = await collector.waitForLog('tokens: the new file is not used, the last one stays in force');
  const lines = good.toString().split('\n').length;
  expect(broken['error']).toContain(`${file}:${lines}:13: this is no SHA-256 — expected sha256: and 64 hex digits`);
  expect((await client.send(webToken)).status).toBe(200);
  expect([await metric('tokens_file_broken'), (await door()).tokens_file_broken]).toEqual([1, true]);
  const { tokens } = await door();
  expect(tokens).toBeGreaterThan(0);
  expect(await metric('tokens')).toBe(tokens);

  rmSync(file);
  await expect
    .poll(() => collector.logs.some((line) => String(line['error']).includes('does not exist')), {
      timeout: 5000,
    })
    .toBe(true);
  expect((await client.send(webToken)).status).toBe(200);
  writeFileSync(`${file}.new`, good);
  renameSync(`${file}.new`, file);
  await expect.poll(door, { timeout: 5000 }).toEqual(expect.objectContaining({ tokens_file_broken: false }));
  expect(collector.logs.filter(({ level, msg }) => level === 'error' && msg.startsWith('tokens:'))).toHaveLength(2);
});

test('SIGHUP reads the file again, though it has not changed', async () => {
  const count = (): number => collector.logs.filter((line) => line.msg === 'tokens read again').length;
  // Past every look that could still be due.
  await delay(600);
  const before = count();
  process.kill(collector.pid, 'SIGHUP');
  await expect.poll(count, { timeout: 5000 }).toBe(before + 1);
  expect((await connection('web-1').send(webToken)).status).toBe(200);
});

test('a collector that cannot read its tokens at the start ends with 78 and says how to make one', async () => {
  const config = join(dir, 'no-tokens.yaml');
  const missing = join(dir, 'none');
  writeFileSync(
    config,
    JSON.stringify({ listen: '127.0.0.1:0', auth: 'tokens', tokens_file: missing, state_dir: join(dir, 'other') }),
  );
  const { code, err } = await collectorCommand('run', '-c', config);
  expect(code).toBe(78);
  expect(err).toContain(
    `${missing} does not exist; metricstream-collector token new --client 'web-*' --file ${missing}`,
  );
});

test('the token is in no log line, no page, no file and no argument', async () => {
  const pages = await Promise.all(
    ['/status', '/metrics', '/clients', '/decisions'].map(async (path) =>
      (await request(collector.admin + path)).body.text(),
    ),
  );
  const told = [
    ...pages,
    JSON.stringify(collector.logs),
    readFileSync(file, 'utf8'),
    readFileSync(`/proc/${collector.pid}/cmdline`, 'utf8'),
    readFileSync(`/proc/${collector.pid}/environ`, 'utf8'),
  ].join('\n');
  expect(secrets.length).toBeGreaterThan(5);
  for (const secret of secrets) expect(told.includes(secret.slice(0, 16)), secret.slice(0, 6)).toBe(false);
  expect(collector.logs.map((line) => line.msg)).toContain(
    'auth: refused, this token is not known here; it was never made, or was revoked',
  );
});
