/** The uplink and who it is: tokens, client certificates, refusals, and what changes without a restart. */
import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { refusalLatin1 } from '@metricstream/proto/ack.ts';
import type { Refusal } from '@metricstream/proto/batch.ts';
import { describe, expect, it } from 'vitest';
import { caFile, certificateFiles, readCertificate } from '../../../test/services/certificates.ts';
import { aborted, ack, collector, record, type Reply, type Seen, uplinkTo } from './uplink-kit.ts';
import { tempDir } from './support.ts';

const [OLD, NEW] = ['ms_old_old_old_old', 'ms_new_new_new_new'] as const;
const batch = record(1, Buffer.from('x'));

function refused(status: number, refusal: Partial<Refusal>, headers: Record<string, string> = {}): Reply {
  const whole: Refusal = { retryClass: 'unspecified', message: '', retryAfterMs: 0, limit: '', ...refusal };
  const body = Buffer.from(refusalLatin1(whole), 'latin1');
  return { status, headers: { 'content-type': 'application/x-protobuf', ...headers }, body };
}

/** Says yes to one token only. */
const guarded =
  (token: string) =>
  (count: number, { headers }: Seen) =>
    headers.authorization === `Bearer ${token}`
      ? ack(count)
      : refused(401, { retryClass: 'auth', message: 'unknown token' });

function tokenFile(token: string): string {
  const path = join(tempDir(), 'token');
  writeFileSync(path, `${token}\n`);
  return path;
}

describe('a token', () => {
  it('goes with every request, and there is no such header without one', async () => {
    const { url, seen } = await collector(ack);
    await uplinkTo(url, { tokenFile: tokenFile(OLD) }).send(batch);
    await uplinkTo(url).send(batch);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${OLD}`, undefined]);
    expect(seen[0]?.headers.accept).toBe('application/x-protobuf');
  });

  it('that the collector does not know stops the line until the file changes; then the batch passes', async () => {
    const { url } = await collector(guarded(NEW));
    const path = tokenFile(OLD);
    const { send, uplink } = uplinkTo(url, { tokenFile: path });
    const outcome = await send(batch);
    expect(outcome).toMatchObject({
      kind: 'halt',
      why: 'status 401: unknown token; the collector does not accept this agent; see collector.token_file or collector.tls.cert_file',
    });
    const changed = (outcome as { changed: AbortSignal }).changed;
    expect(changed.aborted).toBe(false);
    writeFileSync(path, NEW);
    await aborted(changed);
    expect(await send(batch)).toEqual({ kind: 'stored' });
    expect(uplink.stats).toMatchObject({ lastError: '', pointsSent: 10 });
  });

  it('that is replaced between two batches is used from the next look on, over the same connection', async () => {
    const { url, seen } = await collector(ack);
    const path = tokenFile(OLD);
    const { send, credentials } = uplinkTo(url, { tokenFile: path });
    await send(batch);
    const changed = credentials.whenChanged(credentials.current());
    writeFileSync(path, NEW);
    await aborted(changed);
    await send(record(2, Buffer.from('y')));
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${OLD}`, `Bearer ${NEW}`]);
    expect(new Set(seen.map(({ socket }) => socket)).size).toBe(1);
  });

  it('that is gone stops the line without a request, and is never in the words', async () => {
    const { url, seen } = await collector(ack);
    const path = tokenFile(OLD);
    const { send, credentials } = uplinkTo(url, { tokenFile: path });
    for (const text of [undefined, `${OLD} and more`, '\n']) {
      const changed = credentials.whenChanged(credentials.current());
      if (text === undefined) rmSync(path);
      else writeFileSync(path, text);
      await aborted(changed);
      const outcome = await send(batch);
      expect(outcome).toMatchObject({ kind: 'halt', why: expect.stringContaining(`collector.token_file: ${path}: `) });
      expect(JSON.stringify(outcome)).not.toContain(OLD.slice(0, 8));
    }
    expect(seen).toEqual([]);
  });
});

describe('a refusal in fields', () => {
  it('gives the reason and the limit in words, and its wait to the millisecond', async () => {
    const said = {
      retryClass: 'quota',
      message: 'too many requests',
      retryAfterMs: 1234,
      limit: 'requests: 100/s',
    } as const;
    const { url } = await collector(() => refused(429, said));
    expect(await uplinkTo(url).send(batch)).toEqual({
      kind: 'retry',
      why: 'status 429: too many requests (requests: 100/s)',
      afterMs: 1234,
    });
  });

  it('waits for the longer of the two waits, and never longer than an hour', async () => {
    const waits: [afterMs: number, header: string | undefined, expected: number | undefined][] = [
      [1234, '2', 2000],
      [2500, '2', 2500],
      [0, '2', 2000],
      [0, undefined, undefined],
      [2 ** 52, undefined, 3_600_000],
    ];
    for (const [retryAfterMs, header, expected] of waits) {
      const headers = header === undefined ? undefined : { 'retry-after': header };
      const { url } = await collector(() => refused(503, { retryClass: 'busy', retryAfterMs }, headers));
      expect(await uplinkTo(url).send(batch)).toMatchObject({ kind: 'retry', afterMs: expected });
    }
  });

  it('is a matter of this batch alone when it is of a former client_id, and stops the line when it is of its own', async () => {
    const { url } = await collector(() => refused(403, { retryClass: 'auth', message: 'not for this client_id' }));
    const { send } = uplinkTo(url);
    expect(await send(batch)).toMatchObject({ kind: 'halt', why: expect.stringContaining('not for this client_id') });
    expect(await send(record(1, Buffer.from('x'), 'former'))).toMatchObject({ kind: 'rejected', which: [0] });
  });

  it('in a body that is none is the text of today', async () => {
    const { url } = await collector(() => ({ ...refused(429, {}), body: Buffer.from('busy \xff now', 'latin1') }));
    expect(await uplinkTo(url).send(batch)).toMatchObject({ kind: 'retry', why: 'status 429: busy   now' });
  });

  it('is no yes with a status of 200', async () => {
    const { url } = await collector(() => refused(200, { retryClass: 'busy', message: 'no' }));
    expect(await uplinkTo(url).send(batch)).toMatchObject({ kind: 'halt' });
  });
});

describe('client certificates', () => {
  const mutual = { ...readCertificate('server'), requestCert: true, rejectUnauthorized: true };
  const shownBy = ({ socket }: Seen): string | undefined => {
    const { CN } = (socket as TLSSocket).getPeerCertificate().subject;
    return Array.isArray(CN) ? CN[0] : CN;
  };

  it('that are renewed are shown from the next batch on, and no batch is lost by it', async () => {
    const shown: (string | undefined)[] = [];
    const { url } = await collector((count, one) => {
      shown.push(shownBy(one));
      return ack(count);
    }, mutual);
    const dir = tempDir();
    const tls = { caFile, certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') };
    const install = (name: 'client-1' | 'client-2') => {
      for (const which of ['certFile', 'keyFile'] as const) {
        copyFileSync(certificateFiles(name)[which], `${tls[which]}.new`);
        renameSync(`${tls[which]}.new`, tls[which]);
      }
    };
    install('client-1');
    const { send, credentials } = uplinkTo(url, { tls });
    for (const seq of [1, 2]) expect(await send(record(seq, Buffer.from('x')))).toEqual({ kind: 'stored' });
    const changed = credentials.whenChanged(credentials.current());
    install('client-2');
    await aborted(changed);
    for (const seq of [3, 4]) expect(await send(record(seq, Buffer.from('x')))).toEqual({ kind: 'stored' });
    expect(shown).toEqual(['of client-1', 'of client-1', 'of client-2', 'of client-2']);
  });

  it('go with kept-alive connections: one handshake for many batches', async () => {
    const { url, seen } = await collector(ack, mutual);
    const { send } = uplinkTo(url, { tls: { caFile, ...certificateFiles('client-1') } });
    for (let seq = 1; seq <= 5; seq++) await send(record(seq, Buffer.from('x')));
    expect(new Set(seen.map(({ socket }) => socket)).size).toBe(1);
  });
});
