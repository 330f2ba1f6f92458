import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '@metricstream/shared/cli/program.ts';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { readTokensFile } from '../../src/admission/tokens-file.ts';
import { parseTokens, sha256Of } from '../../src/admission/tokens.ts';
import { tokenVerb } from '../../src/tokens/verbs.ts';
import { collectorCommand } from '../../../../test/e2e/token-kit.ts';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ms-token-'));
  file = join(dir, 'tokens');
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
});

interface Ended {
  code: number;
  out: string;
  err: string;
}

async function command(...args: string[]): Promise<Ended> {
  let out = '';
  let err = '';
  const spec = { name: 'metricstream-collector', version: '0', description: '', verbs: [tokenVerb()] };
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) };
  return { code: await runProgram(spec, ['token', ...args], io), out, err };
}

const inFile = (...args: string[]): Promise<Ended> => command(...args, '--file', file);

describe('token new', () => {
  test('prints the token alone on stdout, once, and keeps only its digest', async () => {
    const { code, out, err } = await inFile('new', '--client', 'web-*');
    expect(code).toBe(0);
    expect(out).toMatch(/^ms_[A-Za-z0-9_-]{43}\n$/);
    expect(err).toMatch(/^made "web-\d{8}" for web-\* in .*; it never expires\n/);
    expect(err).toContain('collector:\n    token_file: /etc/metricstream/token\n');
    expect(err + readFileSync(file, 'utf8')).not.toContain(out.slice(0, 12));
    const { entries } = readTokensFile(file);
    expect(entries).toEqual([expect.objectContaining({ clients: 'web-*', sha256: sha256Of(out.trim()) })]);
    expect((await inFile('new', '--client', 'web-*')).out).not.toBe(out);
  });

  test('finds a name for each, or takes the one given, but never one twice', async () => {
    for (const client of ['web-*', 'web-*', '*', 'a:b.c-1']) await inFile('new', '--client', client);
    await inFile('new', '--client', 'web-1', '--name', 'web-1-b');
    const names = readTokensFile(file).entries.map(({ name }) => name.replaceAll(/\d{8}/g, 'DAY'));
    expect(names).toEqual(['web-DAY', 'web-DAY-2', 'any-DAY', 'a-b.c-1-DAY', 'web-1-b']);
    const twice = await inFile('new', '--client', 'web-1', '--name', 'web-1-b');
    expect([twice.code, twice.out, twice.err]).toEqual([
      2,
      '',
      expect.stringContaining('there is a token "web-1-b" already'),
    ]);
  });

  test('takes an expiry as a time or from now on, and none that is over', async () => {
    const expiry = async (text: string): Promise<string | null> => {
      const { out } = await inFile('new', '--client', 'x', '--expires', text, '--json');
      return (JSON.parse(out) as { expires: string | null }).expires;
    };
    expect(await expiry('2100-02-01')).toBe('2100-02-01T00:00:00Z');
    expect(await expiry('2100-02-01T12:30:00Z')).toBe('2100-02-01T12:30:00Z');
    const lateMs = Date.parse((await expiry('90d')) ?? '') - Date.now() - 90 * 86_400_000;
    expect(lateMs).toBeGreaterThan(-2000);
    expect(lateMs).toBeLessThan(2000);
    for (const wrong of ['2001-01-01', 'soon', '2100-02-30', '0s', '99999999d'])
      expect((await inFile('new', '--client', 'x', '--expires', wrong)).code, wrong).toBe(2);
    expect(readTokensFile(file).entries).toHaveLength(3);
  });

  test('refuses client_ids that cannot be, before anything is written', async () => {
    for (const client of ['', 'a b', 'ä', 'jsonl:x', 'x'.repeat(129)]) {
      const { code, err } = await inFile('new', '--client', client);
      expect([code, err], client).toEqual([2, expect.stringMatching(/^--client: .* — expected /)]);
    }
    expect((await inFile('new')).code).toBe(2);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('finds the file through the configuration, and says when nobody is asked for tokens', async () => {
    const config = join(dir, 'collector.yaml');
    writeFileSync(config, JSON.stringify({ auth: 'tokens', tokens_file: file }));
    const asked = await command('new', '--client', 'x', '-c', config);
    expect([asked.code, asked.err.includes('warning')]).toEqual([0, false]);
    writeFileSync(config, JSON.stringify({ tokens_file: file }));
    const unasked = await command('new', '--client', 'x', '-c', config);
    expect([unasked.code, unasked.err]).toEqual([
      0,
      expect.stringMatching(/^warning: with auth: none .* nobody is asked/),
    ]);
    expect(readTokensFile(file).entries).toHaveLength(2);
  });

  test('leaves other lines as they are, and owner and permissions', async () => {
    const kept = `# of the web team\n\nweb-1   web-*\tsha256:${'AB'.repeat(32)}  # old`;
    writeFileSync(file, kept);
    chmodSync(file, 0o604);
    await inFile('new', '--client', 'x');
    expect(readFileSync(file, 'utf8').startsWith(`${kept}\nx-`)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o604);
    rmSync(file);
    await inFile('new', '--client', 'x');
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  test('behind a symbolic link changes what the link leads to', async () => {
    mkdirSync(join(dir, 'real'));
    const real = join(dir, 'real', 'tokens-1');
    writeFileSync(real, '');
    symlinkSync(join('real', 'tokens-1'), file);
    await inFile('new', '--client', 'x');
    expect(readlinkSync(file)).toBe(join('real', 'tokens-1'));
    expect(readTokensFile(real).entries).toHaveLength(1);
    expect(readdirSync(join(dir, 'real')).toSorted()).toEqual(['tokens-1', 'tokens-1.lock']);
  });

  test('makes and opens nothing behind a link that lies where its lock belongs', async () => {
    symlinkSync(join(dir, 'elsewhere'), `${file}.lock`);
    const { code, out, err } = await inFile('new', '--client', 'x');
    expect([code, out, err]).toEqual([1, '', expect.stringContaining('cannot be written')]);
    expect(readdirSync(dir)).toEqual(['tokens.lock']);
  });

  test('does not touch a file that is broken, and says where', async () => {
    writeFileSync(file, 'web-1 web-*\n');
    const { code, out, err } = await inFile('new', '--client', 'x');
    expect([code, out]).toEqual([78, '']);
    expect(err).toContain(`${file}:1:12: the line ends after the client ids — expected sha256: and 64 hex digits`);
    expect(readFileSync(file, 'utf8')).toBe('web-1 web-*\n');
  });

  test('says what to do when there is no directory', async () => {
    const { code, err } = await command('new', '--client', 'x', '--file', join(dir, 'none', 'tokens'));
    expect([code, err]).toEqual([1, expect.stringContaining(`make the directory ${join(dir, 'none')} first`)]);
  });

  test('by five commands at once loses none of them', { timeout: 60_000 }, async () => {
    const made = await Promise.all(
      Array.from({ length: 5 }, () => collectorCommand('token', 'new', '--client', 'web-*', '--file', file)),
    );
    expect(made.map(({ code, err }) => [code, code === 0 ? '' : err])).toEqual(made.map(() => [0, '']));
    const { entries } = readTokensFile(file);
    expect(entries.map(({ sha256 }) => sha256).toSorted()).toEqual(
      made.map(({ out }) => sha256Of(out.trim())).toSorted(),
    );
    expect(readdirSync(dir).toSorted()).toEqual(['tokens', 'tokens.lock']);
  });
});

describe('token list', () => {
  test('shows names, client_ids and expiry, never a digest', async () => {
    writeFileSync(
      file,
      `a  web-*  sha256:${'a'.repeat(64)}\nlong-name  x  sha256:${'b'.repeat(64)}  expires=2020-01-01T00:00:00Z\n`,
    );
    expect((await inFile('list')).out.split('\n')).toEqual([
      'NAME       CLIENTS  EXPIRES',
      'a          web-*    never',
      'long-name  x        2020-01-01T00:00:00Z (expired)',
      '',
    ]);
    const { out } = await inFile('list', '--json');
    expect(JSON.parse(out)).toEqual({
      file,
      tokens: [
        { name: 'a', clients: 'web-*', expires: null, expired: false },
        { name: 'long-name', clients: 'x', expires: '2020-01-01T00:00:00Z', expired: true },
      ],
    });
  });

  test('of an empty file is empty, and of none an error that says how to make one', async () => {
    writeFileSync(file, '# nobody\n');
    const empty = await inFile('list');
    expect([empty.code, empty.out, empty.err]).toEqual([0, '', expect.stringContaining('holds no token')]);
    rmSync(file);
    const missing = await inFile('list');
    expect([missing.code, missing.err]).toEqual([
      78,
      expect.stringContaining(`token new --client 'web-*' --file ${file}`),
    ]);
  });
});

describe('token revoke', () => {
  test('takes out that line and no other byte', async () => {
    const line = (name: string, digit: string): string => `${name}  x  sha256:${digit.repeat(64)}\n`;
    writeFileSync(file, `# one\n${line('a', '1')}# two\r\n${line('b', '2')}${line('c', '3')}\n# end`);
    const { code, out, err } = await inFile('revoke', 'b');
    expect([code, out, err]).toEqual([0, '', expect.stringContaining('revoked "b" for x')]);
    expect(readFileSync(file, 'utf8')).toBe(`# one\n${line('a', '1')}# two\r\n${line('c', '3')}\n# end`);
    expect(parseTokens(readFileSync(file, 'utf8')).ok).toBe(true);
  });

  test('of a name that is not there changes nothing and names those that are near', async () => {
    await inFile('new', '--client', 'x', '--name', 'web-2026a');
    const before = readFileSync(file, 'utf8');
    const mistyped = await inFile('revoke', 'web-2026b');
    expect([mistyped.code, mistyped.err]).toEqual([2, expect.stringContaining('did you mean "web-2026a"?')]);
    expect((await inFile('revoke', 'web')).err).toContain('there are "web-2026a"');
    expect((await inFile('revoke', 'something')).err).toContain('token list shows the names');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});
