/**
 * The examples with curl in docs/PROTOCOL.md and the README, run as they stand there, by the real curl against real
 * collectors: what is printed is what the document says.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { productEntries } from '../../install/local/session.ts';
import { type CollectorApp, type Config, startCollector } from '../app.ts';
import { caFile, certificateFiles } from '../services/certificates.ts';
import { debianProgram } from '../services/debian.ts';
import { available } from '../services/index.ts';

const ADDRESS = '127.0.0.1:7440';
const WAIT = { timeout: 20_000, interval: 20 };

interface Example {
  command: string;
  printed: string;
}

/** The `$` lines of a section's console blocks, each with what follows it. */
function examplesOf(heading: string, file = 'docs/PROTOCOL.md'): Example[] {
  const text = readFileSync(resolve(file), 'utf8');
  const section = text.split(/^(?=#{2,3} )/m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const blocks = [...section.matchAll(/```console\n([^]*?)```/g)].map(([, block]) => block as string);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((entry) => {
        const [command = '', ...printed] = entry.split('\n');
        return { command, printed: printed.join('\n') };
      }),
  );
}

/** Runs each as a shell would, in the stage's directory, and compares what it prints on stdout. */
async function runAll(examples: readonly Example[], { dir, collector, env }: Stage): Promise<void> {
  expect(examples.length, 'the section is there').toBeGreaterThan(0);
  for (const { command, printed } of examples) {
    const real = command.replaceAll(ADDRESS, new URL(collector.url).host);
    const { stdout } = await promisify(execFile)('bash', ['-c', real], { cwd: dir, env });
    expect(stdout, real).toBe(printed);
    // A reader types more slowly than a file is read again.
    if (real.includes('token new')) await collector.waitForLog('tokens read again');
  }
}

function linesIn(dir: string): Record<string, unknown>[] {
  const files = readdirSync(dir).filter((name) => name.endsWith('.jsonl'));
  const text = files.map((name) => readFileSync(join(dir, name), 'utf8')).join('');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** `curl` and `pnpm` on PATH are those that the document's reader has; pnpm, where the tests run without it, is stood in for. */
async function shellEnv(dir: string): Promise<NodeJS.ProcessEnv> {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  const { command, env } = await debianProgram({ name: 'curl', pkg: 'curl' });
  writeFileSync(join(bin, 'curl'), `#!/bin/sh\nexec '${command}' -q "$@"\n`, { mode: 0o755 });
  const collector = `exec '${process.execPath}' '${resolve(productEntries.collector)}' "$@"`;
  writeFileSync(join(bin, 'pnpm'), `#!/bin/sh\n[ "$1 $2" = '-s collector' ] || exit 1\nshift 2\n${collector}\n`, {
    mode: 0o755,
  });
  return { ...process.env, ...env, PATH: `${bin}:${process.env['PATH']}`, http_proxy: '', https_proxy: '' };
}

interface Stage {
  dir: string;
  collector: CollectorApp;
  env: NodeJS.ProcessEnv;
  stored(name: string): Record<string, unknown>[];
}

async function stage(configIn: (dir: string) => Config): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'ms-curl-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const collector = await startCollector({ dir, config: configIn(dir) });
  onTestFinished(async () => void (await collector.stop()));
  await vi.waitFor(async () => expect(await collector.status()).toMatchObject({ ready: true }), WAIT);
  const stored = (name: string) => linesIn(join(dir, 'points')).filter((line) => line['name'] === name);
  return { dir, collector, env: await shellEnv(dir), stored };
}

/** Its files in the directory, where the document's reader has them. */
function securedConfig(dir: string): Config {
  const [tokens, ca, key] = ['tokens', 'ca.pem', 'server.key'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const { certFile, keyFile } = certificateFiles('server');
  copyFileSync(caFile, ca);
  writeFileSync(key, readFileSync(keyFile), { mode: 0o600 });
  // Without a tokens file nobody could come in, and the collector does not start.
  writeFileSync(tokens, '', { mode: 0o600 });
  return { auth: 'tokens', tokens_file: tokens, tls: { cert_file: certFile, key_file: key } };
}

describe.runIf(await available('curl'))('docs/PROTOCOL.md', () => {
  test('the examples with curl print what the document says, and their points are stored', {
    timeout: 60_000,
  }, async () => {
    const plain = await stage(() => ({}));
    await runAll(examplesOf('### With curl'), plain);
    const { stored } = plain;
    await vi.waitFor(() => expect(stored('queue.length')).toHaveLength(2), WAIT);
    expect(stored('load.one')).toHaveLength(4);
    expect(stored('cpu_usage')).toMatchObject([
      { timestamp: '2025-10-04T12:00:00.123Z', value: 75.5, client_id: 'jsonl:local' },
    ]);
    const inReadme = examplesOf('## On a host, on a node', 'README.md').filter(({ command }) =>
      command.startsWith('curl '),
    );
    await runAll(inReadme, plain);
    await vi.waitFor(() => expect(stored('backup.duration')).toMatchObject([{ value: 12.5 }]), WAIT);
    expect(stored('queue.length')[0]).toMatchObject({
      value: 17,
      unit: 'count',
      host: 'web-1',
      labels: { queue: 'mail' },
    });
  });

  test('so do those with a token over TLS', { timeout: 60_000 }, async () => {
    const secured = await stage(securedConfig);
    await runAll(examplesOf('### With curl, a token and TLS'), secured);
    const point = { value: 123456789, client_id: 'jsonl:backup' };
    await vi.waitFor(() => expect(secured.stored('backup.bytes')).toMatchObject([point]), WAIT);
  });
});
