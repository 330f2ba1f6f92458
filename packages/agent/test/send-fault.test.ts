import { describe, expect, it } from 'vitest';
import {
  caFile,
  certificateFiles,
  type CertificateName,
  otherCaFile,
  readCertificate,
} from '../../../test/services/certificates.ts';
import { faultOf } from '../src/send-fault.ts';
import { ack, collector, NO_TLS, rawServer, record, uplinkTo } from './uplink-kit.ts';

const batch = record(1, Buffer.from('x'));
const trusting = { ...NO_TLS, caFile };
const showing = (name: CertificateName) => ({ caFile, ...certificateFiles(name) });

/** What becomes of a batch, without the URL that begins every reason. */
async function fate(url: string, tls = trusting): Promise<{ kind: string; why: string }> {
  const outcome = await uplinkTo(url, { tls }).send(batch);
  if (!('why' in outcome)) return { kind: outcome.kind, why: '' };
  expect(outcome.why).toMatch(new RegExp(`^${url}: `));
  return { kind: outcome.kind, why: outcome.why.slice(url.length + 2) };
}

const serverWith = async (name: CertificateName, more = {}) =>
  (await collector(ack, { ...readCertificate(name), ...more })).url;

describe('a certificate of the collector', () => {
  it('that a trusted CA has signed is taken', async () => {
    expect(await fate(await serverWith('server'))).toEqual({ kind: 'stored', why: '' });
  });

  it('that no trusted CA has signed stops the line, and says which CAs were asked', async () => {
    const url = await serverWith('server');
    expect(await fate(url, { ...NO_TLS, caFile: otherCaFile })).toEqual({
      kind: 'halt',
      why: `its certificate is not signed by any CA in ${otherCaFile}; set collector.tls.ca_file to the CA of the collector`,
    });
    expect(await fate(url, NO_TLS)).toEqual({
      kind: 'halt',
      why: "its certificate is not signed by this system's CAs; set collector.tls.ca_file to the CA of the collector",
    });
  });

  it('of another name says for which names it is', async () => {
    expect(await fate(await serverWith('server-elsewhere'))).toEqual({
      kind: 'halt',
      why: 'its certificate is not for the address 127.0.0.1 but for DNS:elsewhere.example; use one of those in collector.url',
    });
  });

  it('that has expired says so', async () => {
    const { kind, why } = await fate(await serverWith('server-expired'));
    expect([kind, why]).toEqual(['halt', expect.stringMatching(/^its certificate has expired; renew it/)]);
  });
});

describe('a collector that asks for a client certificate', () => {
  const versions = ['TLSv1.2', 'TLSv1.3'] as const;
  const asking = (version: (typeof versions)[number]) =>
    serverWith('server', { requestCert: true, rejectUnauthorized: true, minVersion: version, maxVersion: version });

  it.each(versions)('takes one that its CA has signed, %s', async (version) => {
    expect(await fate(await asking(version), showing('client-1'))).toEqual({ kind: 'stored', why: '' });
  });

  it.each(versions)('gets none: the reason names the options, %s', async (version) => {
    expect((await fate(await asking(version))).why).toContain('set collector.tls.cert_file and collector.tls.key_file');
  });

  it.each(versions)('does not accept the one it gets: the reason names the option, %s', async (version) => {
    const url = await asking(version);
    for (const name of ['client-expired', 'client-other-ca'] as const)
      expect((await fate(url, showing(name))).why).toContain('collector.tls.cert_file');
  });
});

describe('the wrong protocol', () => {
  it('https to a plain port says: use http', async () => {
    const { url } = await collector(ack);
    expect(await fate(url.replace('http:', 'https:'))).toEqual({
      kind: 'halt',
      why: 'the collector does not speak TLS there; use http:// in collector.url, or switch tls on in the collector',
    });
  });

  it('http to a port of TLS says: use https', async () => {
    const url = (await serverWith('server')).replace('https:', 'http:');
    expect((await fate(url, NO_TLS)).why).toContain('if the collector speaks TLS there, use https:// in collector.url');
    const alert = await rawServer((socket) => socket.end(Buffer.from('15030100020246', 'hex')));
    expect(await fate(alert, NO_TLS)).toEqual({
      kind: 'halt',
      why: 'what answers there is not HTTP; if the collector speaks TLS there, use https:// in collector.url',
    });
  });

  it('no version in common says so', async () => {
    const alerting = await rawServer((socket) => socket.end(Buffer.from('15030100020246', 'hex')));
    const { kind, why } = await fate(alerting.replace('http:', 'https:'));
    expect([kind, why]).toEqual(['halt', expect.stringContaining('tls.min_version')]);
  });

  it('a guess about TLS is made only while nothing has ever answered', () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    const context = { url: 'https://c:7440', timeoutMs: 1, tls: NO_TLS };
    expect(faultOf(reset, { ...context, answeredBefore: true }).why).toBe('https://c:7440: the connection was reset');
    expect(faultOf(reset, { ...context, answeredBefore: false }).why).toContain('collector.tls.cert_file');
  });
});

it('names in a certificate come from afar: no control character of them, and not many', () => {
  const cert = { subjectaltname: `DNS:a\r\n\x1b[31m${'b'.repeat(9000)}` };
  const error = Object.assign(new Error('no'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID', cert });
  const { why } = faultOf(error, { url: 'https://[::1]:7440', timeoutMs: 1, tls: NO_TLS, answeredBefore: false });
  expect(why).toMatch(/^[\x20-\x7e]{1,400}$/);
  expect(why).toContain('the address ::1');
});
