import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { available, givenInflux2, sharedInflux1, sharedKafka, sharedVictoriaMetrics } from './index.ts';
import { installedJars } from './kafka-jars.ts';
import { onPath, run } from './run.ts';

async function emptyDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'ms-available-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

function setEnv(values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
}

it('what is missing is said aloud, with the reason', async () => {
  // A machine with neither the programs nor the tools that bring them; Java was not looked for before in this process.
  setEnv({ PATH: await emptyDir(), JAVA_HOME: await emptyDir() });
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  onTestFinished(() => said.mockRestore());
  expect(await available('kafka')).toBe(false);
  expect(said.mock.calls.join('')).toMatch(
    /^SKIPPED, what follows is not tested: no kafka: javac? is not on PATH: install a JDK, 17 or later\n$/,
  );
});

it('an address in the environment comes before everything else', async () => {
  setEnv({
    MS_TEST_KAFKA_BROKERS: 'a:1, b:2',
    MS_TEST_INFLUX_URL: 'http://c:3/',
    MS_TEST_VICTORIAMETRICS_URL: 'http://d:4',
    MS_TEST_INFLUX2_URL: 'http://e:5/',
    MS_TEST_INFLUX2_TOKEN: 't',
    MS_TEST_INFLUX2_ORG: 'o',
  });
  expect(await sharedKafka()).toEqual({ brokers: ['a:1', 'b:2'] });
  expect(await sharedInflux1()).toEqual({ url: 'http://c:3' });
  expect(await sharedVictoriaMetrics()).toEqual({ url: 'http://d:4' });
  expect(givenInflux2()).toEqual({ url: 'http://e:5', token: 't', org: 'o' });
});

it('a Kafka 4 on PATH comes before a private copy, an older one does not', async () => {
  const dir = await emptyDir();
  await Promise.all(['bin', 'libs', 'path'].map((name) => mkdir(join(dir, name))));
  const script = join(dir, 'bin/kafka-server-start.sh');
  await writeFile(script, '', { mode: 0o755 });
  await symlink(script, join(dir, 'path/kafka-server-start.sh'));
  await writeFile(join(dir, 'libs/kafka-clients-3.9.0.jar'), '');
  expect(installedJars(join(dir, 'path'))).toBeUndefined();
  await writeFile(join(dir, 'libs/kafka-clients-4.1.0.jar'), '');
  expect(installedJars(join(dir, 'path'))).toBe(join(dir, 'libs'));
});

it('a tool’s failure is told in its own words', async () => {
  const shell = onPath('sh') ?? '';
  expect(String(await run(shell, ['-c', 'cat'], { input: 'told' }))).toBe('told');
  await expect(run(shell, ['-c', 'echo no mirror >&2; exit 3'])).rejects.toThrow('exit code 3: no mirror');
  await expect(run(shell, ['-c', 'sleep 10'], { timeoutMs: 50 })).rejects.toThrow('SIGKILL within 50 ms');
  await expect(run('/nowhere/tool', [])).rejects.toThrow('cannot run /nowhere/tool');
});
