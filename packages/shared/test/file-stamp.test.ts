import { mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fileStamp, fileStampAsync } from '../src/file-stamp.ts';

test('each change of a file is another stamp: made, written, replaced, dated back, removed; also behind a link', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ms-stamp-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [file, link] = [join(dir, 'file'), join(dir, 'link')];
  symlinkSync('file', link);
  const changes: (() => void)[] = [
    () => writeFileSync(file, 'one'),
    () => writeFileSync(file, 'three'),
    () => {
      writeFileSync(`${file}.new`, 'three');
      renameSync(`${file}.new`, file);
    },
    () => utimesSync(file, new Date(0), new Date(0)),
    () => rmSync(file),
  ];
  let before = fileStamp(link);
  expect(before).toBe('ENOENT');
  for (const change of changes) {
    change();
    const after = fileStamp(link);
    expect(after).not.toBe(before);
    expect([fileStamp(link), await fileStampAsync(link)], 'while nothing changes').toEqual([after, after]);
    before = after;
  }
});
