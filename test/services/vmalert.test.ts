import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, flushVictoriaMetrics, startVictoriaMetrics, startVmalert } from './index.ts';
import { serverDir } from './server.ts';

async function ruleFile(text: string): Promise<string> {
  const dir = await serverDir('rules');
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = join(dir, 'rules.yml');
  await writeFile(file, text);
  return file;
}

const rules = `
groups:
  - name: hosts
    rules:
      - alert: MemoryHigh
        expr: mem_used > 90
        labels: { severity: page }
`;

describe.runIf(await available('victoriametrics', 'vmalert'))('vmalert', () => {
  it('fires for the series that a rule finds, and for no other', async () => {
    const { url } = await startVictoriaMetrics();
    const body = 'mem,host=a used=95\nmem,host=b used=50\n';
    expect((await fetch(`${url}/write`, { method: 'POST', body })).status).toBe(204);
    await flushVictoriaMetrics(url);
    const alerting = await startVmalert({ ruleFiles: [await ruleFile(rules)], datasourceUrl: url });
    await expect
      .poll(() => alerting.alerts(), { timeout: 10_000 })
      .toMatchObject([{ name: 'MemoryHigh', state: 'firing', value: '95', labels: { host: 'a', severity: 'page' } }]);
  });

  it('does not start with a rule that it cannot read, and says which', async () => {
    const file = await ruleFile(rules.replace('mem_used > 90', 'mem_used >'));
    const start = startVmalert({ ruleFiles: [file], datasourceUrl: 'http://127.0.0.1:9' });
    await expect(start).rejects.toThrow('mem_used >');
  });
});
