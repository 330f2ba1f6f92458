import { describe, expect, it } from 'vitest';
import { configFile, start } from './process.ts';
import { tempDir } from './support.ts';

describe('the command line', () => {
  it('ends with 0 for help and versions, 2 for a wrong line, 78 for a wrong file', async () => {
    const cases: [string[], number][] = [
      [['--version'], 0],
      [['--help'], 0],
      [['rum'], 2],
      [['test', '--source', 'proc'], 2],
      [['check', '-c', '/no/such/file.yaml'], 78],
      [['run', '-c', '/no/such/file.yaml'], 78],
    ];
    const ended = await Promise.all(cases.map(([args]) => start(...args).ended));
    expect(ended.map(({ code }) => code)).toEqual(cases.map(([, code]) => code));
  });

  it('check accepts a good file', async () => {
    const ended = await start('check', '-c', configFile(tempDir(), 'http://127.0.0.1:7440')).ended;
    expect([ended.code, ended.stdout]).toEqual([0, expect.stringContaining('ok (sends to http://127.0.0.1:7440')]);
  });

  it('test prints one sweep of this host', async () => {
    const { stdout } = await start('test').ended;
    expect(stdout).toMatch(/^mem\.used_percent +\d/m);
  });
});
