import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { readTokensFile, watchFile } from '../../src/admission/tokens-file.ts';
import { TOKENS_BYTES_MAX } from '../../src/admission/tokens.ts';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ms-tokens-'));
  file = join(dir, 'tokens');
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
});

const line = (name: string): string =>
  `${name}  ${name}  sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}\n`;

describe('reading a tokens file', () => {
  test('names all that is wrong, as a fault of the configuration', () => {
    writeFileSync(file, `${line('a')}x\n${line('a')}`);
    expect(() => readTokensFile(file)).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        message: expect.stringMatching(
          /tokens:2:2: the line ends after the name — expected .*\n.*tokens:3:1: line 1 has this name too/,
        ) as unknown,
      }),
    );
  });

  test('says what to do when there is none, and refuses what is no file or too large', () => {
    expect(() => readTokensFile(file)).toThrow(
      /does not exist; metricstream-collector token new --client 'web-\*' --file/,
    );
    expect(() => readTokensFile(dir)).toThrow(/is no file/);
    writeFileSync(file, '');
    truncateSync(file, TOKENS_BYTES_MAX + 1);
    expect(() => readTokensFile(file)).toThrow(/16777217 bytes, more than the 16777216/);
  });

  test('waits for no pipe', () => {
    execFileSync('mkfifo', [file]);
    expect(() => readTokensFile(file)).toThrow(/is no file/);
  });

  test('warns when everybody may write it, and when nobody is in it', () => {
    writeFileSync(file, line('a'));
    chmodSync(file, 0o644);
    expect(readTokensFile(file).warnings).toEqual([]);
    chmodSync(file, 0o646);
    expect(readTokensFile(file).warnings).toEqual([expect.stringMatching(/can be written by everybody .* chmod o-w/)]);
    chmodSync(file, 0o640);
    writeFileSync(file, '# nobody\n');
    expect(readTokensFile(file).warnings).toEqual([expect.stringMatching(/holds no token/)]);
  });
});

describe('a watch', () => {
  function watched(path = file): { changes: number[]; next(count: number): Promise<void> } {
    const changes: number[] = [];
    const watch = watchFile(path, 10, () => void changes.push(performance.now()));
    onTestFinished(() => watch.close());
    return { changes, next: (count) => expect.poll(() => changes.length, { timeout: 5000, interval: 5 }).toBe(count) };
  }

  test('tells of each change once: written, replaced, removed, there again, touched', async () => {
    writeFileSync(file, line('a'));
    const { next, changes } = watched();
    // Another size: before Linux 6.13 two writes within a few milliseconds have one time.
    writeFileSync(file, line('bb'));
    await next(1);
    writeFileSync(`${file}.new`, line('c'));
    renameSync(`${file}.new`, file);
    await next(2);
    rmSync(file);
    await next(3);
    writeFileSync(file, line('c'));
    await next(4);
    utimesSync(file, new Date(0), new Date(0));
    await next(5);
    await delay(100);
    expect(changes).toHaveLength(5);
  });

  test('sees a symbolic link far up that was swapped, as Kubernetes does it', async () => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(dir, version));
      writeFileSync(join(dir, version, 'tokens'), line('a'));
    }
    symlinkSync('v1', join(dir, '..data'));
    symlinkSync(join('..data', 'tokens'), file);
    const { next, changes } = watched();
    symlinkSync('v2', join(dir, '..data-new'));
    renameSync(join(dir, '..data-new'), join(dir, '..data'));
    await next(1);
    expect(changes).toHaveLength(1);
  });

  test('does not end with a part of the file, though somebody writes it in place', async () => {
    writeFileSync(file, line('a'));
    const seen: number[] = [];
    const watch = watchFile(file, 10, () => {
      try {
        seen.push(readTokensFile(file).entries.length);
      } catch {
        seen.push(-1);
      }
    });
    onTestFinished(() => watch.close());
    const fd = openSync(file, 'w');
    for (let i = 0; i < 20; i++) {
      writeSync(fd, line(`n${i}`));
      await delay(4);
    }
    closeSync(fd);
    await expect.poll(() => seen.at(-1), { timeout: 5000 }).toBe(20);
  });

  test('that was told that a state is seen does not tell of it', async () => {
    writeFileSync(file, line('a'));
    const changes: number[] = [];
    const watch = watchFile(file, 10, () => void changes.push(1));
    onTestFinished(() => watch.close());
    writeFileSync(file, line('bb'));
    watch.seen();
    await delay(150);
    expect(changes).toEqual([]);
  });
});
