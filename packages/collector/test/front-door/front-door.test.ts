import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@metricstream/shared/log.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { certificateFiles } from '../../../../test/services/certificates.ts';
import { formatToken } from '../../src/admission/tokens.ts';
import type { CollectorConfig } from '../../src/config.ts';
import { type FrontDoor, openFrontDoor } from '../../src/front-door/front-door.ts';
import type { ToIngestWorker } from '../../src/ingest/messages.ts';

let file: string;

beforeEach(() => {
  const dir = mkdtempSync(join(tmpdir(), 'ms-door-'));
  file = join(dir, 'tokens');
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
});

function write(...names: string[]): void {
  const lines = names.map((name) =>
    formatToken({
      name,
      clients: '*',
      sha256: Buffer.from(name).toString('hex').padEnd(64, '0'),
      expiresUnixMs: Infinity,
    }),
  );
  writeFileSync(`${file}.new`, lines.join('\n'));
  renameSync(`${file}.new`, file);
}

interface Opened {
  door: FrontDoor;
  /** Names of the tokens that workers were told of, message by message. */
  told: string[];
  workers: { tell(message: ToIngestWorker): void };
  errors: string[];
}

function opened(auth: CollectorConfig['auth'] = 'tokens'): Opened {
  const errors: string[] = [];
  const log: Log = { ...silentLog, error: (_, fields) => void errors.push(String(fields?.['error'])) };
  const told: string[] = [];
  const workers = {
    tell(message: ToIngestWorker): void {
      if (message.message === 'tokens') told.push(message.tokens.map(({ name }) => name).join());
    },
  };
  const door = openFrontDoor({ auth, tokensFile: file, tls: undefined } as CollectorConfig, log);
  onTestFinished(() => door.close());
  return { door, told, workers, errors };
}

const until = <T>(read: () => T, value: T): Promise<void> =>
  expect.poll(read, { timeout: 5000, interval: 10 }).toEqual(value);

test('workers are told of every change, and nothing when there was none', async () => {
  write('a');
  const { door, told, workers } = opened();
  expect(door.tokens.map(({ name }) => name)).toEqual(['a']);
  door.attach(workers);
  expect(told).toEqual([]);
  write('a', 'b');
  await until(() => told, ['a,b']);
  write();
  await until(() => told, ['a,b', '']);
});

test('a change between the start and the workers is not lost', async () => {
  write('a');
  const { door, told, workers } = opened();
  write('b');
  door.reload();
  door.attach(workers);
  expect(told).toEqual(['b']);
});

test('a broken file is logged once per change and leaves what was in force', async () => {
  write('a', 'b');
  const { door, told, workers, errors } = opened();
  door.attach(workers);
  writeFileSync(file, 'broken\n');
  await until(() => door.figures().tokensFileBroken, true);
  expect(door.figures()).toMatchObject({ tokens: 2, tokensExpiring: 0 });
  expect(errors).toEqual([expect.stringContaining(`${file}:1:7: the line ends after the name`)]);
  rmSync(file);
  await until(() => errors.length, 2);
  door.reload();
  expect([errors.length, told]).toEqual([3, []]);
  write('c');
  await until(() => told, ['c']);
  expect(door.figures().tokensFileBroken).toBe(false);
});

test('at the start a file that cannot be used ends it', () => {
  expect(() => opened()).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  writeFileSync(file, 'broken');
  expect(() => opened('either')).toThrow(/:1:7: the line ends/);
});

test('when the tokens file cannot be used, the certificates that were opened before it are closed', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const tls = { ...certificateFiles('server'), clientCaFile: '', clientId: 'san', minVersion: '1.2' } as const;
  const open = (): FrontDoor =>
    openFrontDoor({ auth: 'tokens', tokensFile: file, tls } as unknown as CollectorConfig, silentLog);
  expect(open).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  expect(vi.getTimerCount()).toBe(0);
  write('a');
  const door = open();
  expect(vi.getTimerCount(), 'of the certificates and of the tokens file').toBe(2);
  door.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('where nobody is asked for a token the file is not looked at', () => {
  const { door } = opened('certificate');
  expect([door.tokens, door.figures().tokens]).toEqual([[], 0]);
});

test('tokens that expire within a week are counted', () => {
  const soon = new Date(Date.now() + 6 * 86_400_000).toISOString().slice(0, 19);
  const later = new Date(Date.now() + 8 * 86_400_000).toISOString().slice(0, 19);
  const line = (name: string, expires: string): string =>
    `${name} x sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')} expires=${expires}Z\n`;
  writeFileSync(file, line('gone', '2020-01-01T00:00:00') + line('soon', soon) + line('later', later));
  expect(opened().door.figures()).toMatchObject({ tokens: 3, tokensExpiring: 2, tokensFileBroken: false });
});
