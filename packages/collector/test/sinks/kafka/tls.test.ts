import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { tlsOptions } from '../../../src/sinks/kafka/tls.ts';

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-tls-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

it('files of TLS are read anew at every connection', async () => {
  const caFile = join(directory(), 'ca.pem');
  const settings = { caFile, certFile: '', keyFile: '', verify: true };
  writeFileSync(caFile, 'first');
  expect(await tlsOptions(settings)).toEqual({ ca: 'first', rejectUnauthorized: true });
  writeFileSync(caFile, 'renewed');
  expect((await tlsOptions(settings)).ca).toBe('renewed');
});

it('a file of TLS that is not there is named with its option', async () => {
  const keyFile = join(directory(), 'none.pem');
  await expect(tlsOptions({ caFile: '', certFile: '', keyFile, verify: false })).rejects.toThrow(
    `sinks.kafka.tls.key_file: ${keyFile} cannot be read`,
  );
});
