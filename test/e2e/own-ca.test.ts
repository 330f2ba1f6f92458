/**
 * The commands of docs/OPERATIONS.md that make a CA of one's own, run as they stand there by the real OpenSSL: what they make is
 * what a collector takes without a warning, and what keeps a host from signing for another.
 */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readTlsFiles } from '../../packages/collector/src/front-door/tls-files.ts';
import { debianProgram } from '../services/debian.ts';
import { available } from '../services/index.ts';

/** The first shell block of the section. */
function commandsOf(heading: string): string {
  const text = readFileSync(resolve('docs/OPERATIONS.md'), 'utf8');
  const section = text.slice(text.indexOf(`\n${heading}\n`));
  return /```sh\n([^]*?)```/.exec(section)?.[1] ?? 'exit 1 # no block';
}

/** A private copy has its configuration beside it; that of the system knows where it is. */
async function openssl(): Promise<NodeJS.ProcessEnv> {
  const { command, env } = await debianProgram({ name: 'openssl', pkg: 'openssl' });
  const PATH = [dirname(command), process.env.PATH].join(delimiter);
  if (Object.keys(env).length === 0) return { ...process.env, PATH };
  return { ...process.env, ...env, PATH, OPENSSL_CONF: resolve(dirname(command), '../../etc/ssl/openssl.cnf') };
}

describe.runIf(await available('openssl'))("a CA of one's own, as the document makes it", () => {
  it('signs certificates of a collector and of hosts, which sign nothing themselves', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ms-own-ca-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    await promisify(execFile)('sh', ['-ec', commandsOf('### Certificates')], { cwd: dir, env: await openssl() });
    const path = (name: string): string => join(dir, name);
    const files = { certFile: path('collector.pem'), keyFile: path('collector.key'), clientCaFile: path('ca.pem') };
    const read = readTlsFiles({ ...files, clientId: 'san', minVersion: '1.2' }, 'certificate');
    expect(read.warnings).toEqual([]);
    const [ca, collector, host] = ['ca', 'collector', 'web-1'].map(
      (name) => new X509Certificate(readFileSync(path(`${name}.pem`))),
    ) as [X509Certificate, X509Certificate, X509Certificate];
    expect([ca.ca, collector.ca, host.ca]).toEqual([true, false, false]);
    expect([collector, host].map((one) => one.checkIssued(ca) && one.verify(ca.publicKey))).toEqual([true, true]);
    expect(collector.checkHost('ingest.example')).toBe('ingest.example');
    expect(host.subjectAltName).toBe('DNS:web-1');
  });
});
