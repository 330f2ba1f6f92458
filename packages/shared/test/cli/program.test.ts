import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type ProgramSpec, runProgram } from '../../src/cli/program.ts';
import { FIXTURE } from './fixture.ts';

const MAIN = join(import.meta.dirname, 'main.fixture.ts');
const dir = mkdtempSync(join(tmpdir(), 'ms-cli-'));
afterAll(() => rmSync(dir, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const GOOD = file('good.yaml', 'workers: 2\ntoken: hunter2\n');
const BAD = file('bad.yaml', 'worker: 2\nlog: {level: loud}\n');
const WARNED = file('warned.yaml', 'workers: 6\n');

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the fixture as a real process; `signals` are sent one by one, when it runs and when it is stopping. */
function run(args: readonly string[], signals: NodeJS.Signals[] = []): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, NO_COLOR: '1' } });
    const ended: Ended = { code: null, out: '', err: '' };
    const sendNext = (text: string): void => {
      // It is listening to signals when it says one of these.
      const signal = /running|stopping/.test(text) ? signals.shift() : undefined;
      if (signal !== undefined) child.kill(signal);
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      ended.out += text;
      sendNext(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      ended.err += text;
      sendNext(text);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...ended, code }));
  });
}

/** The same without a process, which takes half a second of CPU to start. */
async function call(args: readonly string[], spec: ProgramSpec = FIXTURE): Promise<Ended> {
  const said = { out: '', err: '' };
  const code = await runProgram(spec, args, {
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
  });
  return { code, ...said };
}

describe.concurrent('as a process', () => {
  test('all that a verb says gets through a pipe before the program leaves', async () => {
    const { code, out } = await run(['flood']);
    expect([code, out.length]).toEqual([0, 1_000_001]);
  });

  test('a wrong verb and a wrong option are status 2, with the nearest right word', async () => {
    const [verb, option] = await Promise.all([run(['chek']), run(['check', '--jsn'])]);
    expect([verb.code, verb.out, option.code, option.out]).toEqual([2, '', 2, '']);
    expect(verb.err).toContain("unknown command 'chek'\n(Did you mean check?)");
    expect(option.err).toContain("unknown option '--jsn'\n(Did you mean --json?)");
  });

  test('a bad configuration is status 78 and a good one 0', async () => {
    const [bad, good] = await Promise.all([run(['run', '-c', BAD]), run(['check', '-c', GOOD])]);
    expect([bad.code, bad.out]).toEqual([78, '']);
    expect(bad.err).toContain(`${BAD}:1:1 worker: unknown key — did you mean "workers"?`);
    expect(good).toEqual({ code: 0, out: `${GOOD}: ok (workers 2)\n`, err: '' });
  });

  test('the version is status 0', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: 'fixture 1.2.3\n', err: '' });
  });

  test('run ends with status 0 after SIGTERM or SIGINT, having stopped its parts', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const { code, err } = await run(['run', '-c', GOOD], [signal]);
      expect(code).toBe(0);
      const lines = err
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(lines.map(({ msg, reason }) => [msg, reason])).toEqual([
        ['stopping', signal],
        ['every part stopped', undefined],
      ]);
    }
  });

  test('run ends with status 1 when a part does not stop in time, naming it', async () => {
    const { code, err } = await run(['run', '-c', file('hang.yaml', 'workers: 5\n')], ['SIGTERM']);
    expect(code).toBe(1);
    expect(err).toContain('ticker: not stopped by the deadline');
  });

  test('a second signal ends it at once, whatever hangs', async () => {
    const { code, err } = await run(['run', '-c', file('stuck.yaml', 'workers: 4\n')], ['SIGINT', 'SIGINT']);
    expect(code).toBe(1);
    expect(err).toContain('second signal: leaving at once');
  });
});

describe('manners', () => {
  test('a good configuration is ok: status 0 and one line on stdout', async () => {
    expect(await call(['check', '-c', GOOD])).toEqual({ code: 0, out: `${GOOD}: ok (workers 2)\n`, err: '' });
  });

  test('the version is printed on stdout, as text or JSON', async () => {
    expect(await call(['--version'])).toEqual({ code: 0, out: 'fixture 1.2.3\n', err: '' });
    expect(await call(['-V'])).toMatchObject({ code: 0, out: 'fixture 1.2.3\n' });
    const { out, code } = await call(['--version', '--json']);
    expect([code, JSON.parse(out)]).toEqual([
      0,
      { name: 'fixture', version: '1.2.3', node: process.version, platform: process.platform, arch: process.arch },
    ]);
  });

  test.each([
    [['chek'], "unknown command 'chek'\n(Did you mean check?)"],
    [['check', '--jsn'], '--json'],
    [['check', 'a', 'b'], 'too many arguments'],
    [['check', '-c'], 'argument missing'],
    [['fail'], "required option '--how <how>'"],
    [['config', 'shwo'], 'show'],
  ])('%j is a usage error: status 2', async (args, said) => {
    const { code, out, err } = await call(args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(said);
  });

  test('no verb at all prints the help on stderr, status 2', async () => {
    const { code, out, err } = await call([]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('Usage: fixture');
  });

  test('a warning goes to stderr and leaves the status 0', async () => {
    const { code, out, err } = await call(['check', '-c', WARNED]);
    expect([code, out]).toEqual([0, `${WARNED}: ok (workers 6)\n`]);
    expect(err).toBe(`warning: ${WARNED}:1:10 workers: are many\n  1 | workers: 6\n    |          ^\n`);
  });

  test('a bad configuration is status 78 for check, run and config show, all faults on stderr', async () => {
    for (const args of [['check'], ['run'], ['config', 'show']]) {
      const { code, out, err } = await call([...args, '-c', BAD]);
      expect([code, out]).toEqual([78, '']);
      expect(err).toContain(`${BAD}:1:1 worker: unknown key — did you mean "workers"?`);
      expect(err).toContain(`${BAD}:2:14 log.level: is "loud" — expected debug, info, warn or error`);
    }
  });

  test('check --json says the same as data, on stdout, with the same status', async () => {
    const { code, out, err } = await call(['check', '--json', '-c', BAD]);
    expect([code, err]).toEqual([78, '']);
    expect(JSON.parse(out)).toMatchObject({
      file: BAD,
      ok: false,
      faults: [
        { line: 1, column: 1, path: 'worker', what: 'unknown key', suggestion: 'workers' },
        { line: 2, column: 14, path: 'log.level' },
      ],
      warnings: [],
    });
    expect((await call(['check', '--json', '-c', GOOD])).code).toBe(0);
  });

  test('a missing file is status 78', async () => {
    const { code, err } = await call(['run', '-c', join(dir, 'none.yaml')]);
    expect([code, err]).toEqual([
      78,
      `${dir}/none.yaml: there is no such file — expected a YAML file; name it with -c FILE\n`,
    ]);
  });

  test('config show prints effective values without secrets, config schema the JSON Schema', async () => {
    const { code, out } = await call(['config', 'show', '-c', GOOD]);
    expect([code, out]).toEqual([0, 'workers: 2\ntoken: "[redacted]"\nlog:\n  level: info\n  format: auto\n']);
    expect(JSON.parse((await call(['config', 'schema'])).out)).toMatchObject({
      properties: { workers: { type: 'integer' } },
    });
  });

  test('a foreseen error ends in its message and its own status; any other in its stack and 1', async () => {
    expect(await call(['fail', '--how', 'coded'])).toEqual({ code: 69, out: '', err: 'ingest:7440 does not answer\n' });
    const { code, err } = await call(['fail', '--how', 'foreign']);
    expect(code).toBe(1);
    expect(err).toMatch(/fault of the program[^]*TypeError: x is undefined\n {4}at /);
  });
});

describe('help', () => {
  const DEMO: ProgramSpec = {
    name: 'demo',
    version: '1',
    description: 'Demonstrates.',
    verbs: [
      { name: 'one', summary: 'Do one thing', examples: ['one --fast', 'one'], run: () => 0 },
      {
        name: 'group',
        summary: 'Hold verbs',
        examples: ['group two'],
        verbs: [{ name: 'two', summary: 'Do two', examples: ['group two'], run: () => 69 }],
      },
    ],
  };
  const collect = (...argv: readonly string[]): Promise<Ended> => call(argv, DEMO);

  test('is data: on stdout, status 0, with an example for the program and for every verb', async () => {
    for (const [argv, example] of [
      [['--help'], 'demo one --fast'],
      [['one', '--help'], 'demo one --fast'],
      [['group', '-h'], 'demo group two'],
      [['group', 'two', '--help'], 'demo group two'],
    ] as const) {
      const { code, out, err } = await collect(...argv);
      expect([code, err]).toEqual([0, '']);
      expect(out).toContain(`Examples:\n  ${example}`);
    }
  });

  test('a verb decides the exit status, nested ones too', async () => {
    expect((await collect('one')).code).toBe(0);
    expect((await collect('group', 'two')).code).toBe(69);
  });

  test('--no-color is understood before and after the verb', async () => {
    const before = process.env['NO_COLOR'];
    for (const argv of [
      ['--no-color', 'one'],
      ['one', '--no-color'],
    ]) {
      delete process.env['NO_COLOR'];
      expect((await collect(...argv)).code).toBe(0);
      expect(process.env['NO_COLOR']).toBe('1');
    }
    if (before === undefined) delete process.env['NO_COLOR'];
    else process.env['NO_COLOR'] = before;
  });
});
