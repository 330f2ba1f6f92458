import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, flinkLibs } from '../services/index.ts';
import { runSql, sqlFile } from './job.ts';

async function fileOf(sql: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'ms-flink-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = join(dir, 'some.sql');
  await writeFile(file, sql);
  return file;
}

describe.runIf(await available('flink'))('SqlRunner', () => {
  it('keeps a value inside its literal, whatever it holds', async () => {
    const file = await fileOf(
      "-- a comment; 'with' a quote that isn't closed\nSELECT '${a}', '${b:-x y}', `it's`;\nSELECT 1;",
    );
    const printed = await runSql('--print', file, "a='; DROP TABLE points; --");
    expect(printed).toBe("SELECT '''; DROP TABLE points; --', 'x y', `it's`;\n\nSELECT 1;\n");
  });

  it.each([
    ['a parameter that is missing', "SELECT '${a}';", [], 'the parameter a is missing'],
    ['a parameter that the file does not have', 'SELECT 1;', ['b=1'], 'has no parameter b'],
    ['a value with a line break', "SELECT '${a}';", ['a=1\n2'], 'a holds a control character'],
    ['a place that names nothing', "SELECT '${A b}';", [], "no parameter is named in '${A b}'"],
    ['an argument without =', 'SELECT 1;', ['b'], '"b" is not NAME=VALUE'],
    ['a literal that does not end', "SELECT 'a;", [], "no ' ends"],
    ['a statement that does not end', 'SELECT 1', [], 'no ; at its end'],
  ])('refuses %s', async (_what, sql, args, words) => {
    await expect(runSql('--print', await fileOf(sql), ...args)).rejects.toThrow(words);
  });

  it('says which statement Flink does not take, without a stack trace', async () => {
    const failed = runSql(await fileOf("SET 'parallelism.default' = '1';\nCREATE TABEL a;"));
    await expect(failed).rejects.toThrow(/exit code 1: .*SQL parse failed/);
    await failed.catch((error: unknown) => expect(String(error)).not.toContain('\tat '));
  });

  it('prints windows.sql for a cluster: settings first, both INSERTs in one job', async () => {
    const printed = await runSql('--print', sqlFile, 'brokers=k1:9092,k2:9092', 'parallelism=12');
    expect(printed).toMatch(/^SET 'pipeline\.name'/);
    expect(printed).toContain("SET 'parallelism.default' = '12';");
    expect(printed.match(/'properties\.bootstrap\.servers' = 'k1:9092,k2:9092'/g)).toHaveLength(3);
    expect(printed).toMatch(
      /EXECUTE STATEMENT SET BEGIN\s+INSERT INTO metrics_1m[^;]+;\s+INSERT INTO metrics_alerts[^;]+;\s+END;\n$/,
    );
    expect(printed).not.toContain('${');
  });

  it('is tested with the jars that its pom.xml lists', async () => {
    const pom = await readFile(new URL('../../install/flink/pom.xml', import.meta.url), 'utf8');
    const listed = [...pom.matchAll(/<groupId>(.*)<\/groupId><artifactId>(.*)<\/artifactId><version>(.*)<\/version>/g)];
    const stamp = JSON.parse(await readFile(join(await flinkLibs(), 'stamp.json'), 'utf8')) as { versions: string[] };
    expect(listed.map(([, group, artifact, version]) => `${group}:${artifact}:${version}`)).toEqual(stamp.versions);
  });
});
