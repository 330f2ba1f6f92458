/** Certificates of clients: whose names reach the handler, and that a resumed session knows no more than a new one. */
import { afterEach, describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { caFile, otherCaFile, readCertificate } from '../../../../test/services/certificates.ts';
import type { CertificateName } from '../../../../test/services/certificates.ts';
import type { TlsMaterial } from '../../src/http/tls.ts';
import { newTicketKeys } from '../../src/http/tls.ts';
import { GET, OK, eventually, startRig, tlsMaterial } from './harness.ts';
import type { Rig, TlsClient } from './harness.ts';

const clientCa = readFileSync(caFile, 'utf8');
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

let rigs: Rig[] = [];

/** A listener that answers with the names in the client's certificate. */
async function start(material: Partial<TlsMaterial> = {}): Promise<Rig> {
  const rig = await startRig({
    tls: tlsMaterial({ clientCa, ...material }),
    body: (exchange) => exchange.answer(OK(`<${exchange.peer.certified?.names.join(' ') ?? 'nobody'}>`)),
  });
  rigs.push(rig);
  return rig;
}

afterEach(async () => {
  for (const rig of rigs) await rig.close();
  rigs = [];
});

function certificate(name: CertificateName): ConnectionOptions {
  const { cert, key } = readCertificate(name);
  return { cert, key };
}

async function namesSeenBy(client: TlsClient): Promise<string> {
  return /<(.*)>/.exec(await client.send(GET).receives('>'))![1]!;
}

const inVersion = (version: (typeof VERSIONS)[number]): ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
});

/** A session as the client got it, ready to be resumed. */
async function sessionOf(rig: Rig, options: ConnectionOptions): Promise<Buffer> {
  const client = rig.tlsClient(options);
  await namesSeenBy(client);
  await eventually(() => client.session !== undefined);
  client.socket.destroy();
  return client.session!;
}

describe.each(VERSIONS)('%s', (version) => {
  test('the names of a valid certificate reach the handler, by kind', async () => {
    const bySan = await start();
    const byCn = await start({ clientId: 'cn' });
    const seen = async (rig: Rig, name: CertificateName): Promise<string> =>
      namesSeenBy(rig.tlsClient({ ...certificate(name), ...inVersion(version) }));
    expect([await seen(bySan, 'client-1'), await seen(byCn, 'client-cn')]).toEqual(['client-1', 'client-cn']);
    // No subjectAltName; a common name with a blank in it, which is no client_id.
    expect([await seen(bySan, 'client-cn'), await seen(byCn, 'client-1')]).toEqual(['', '']);
    // No wildcard.
    expect((await seen(bySan, 'client-several')).split(' ')).toEqual(expect.arrayContaining(['client-1', 'client-3']));
    expect(await seen(bySan, 'client-several')).not.toContain('*');
  });

  test('where a certificate may be left out, one that is not valid makes nobody known', async () => {
    const rig = await start();
    for (const name of ['client-expired', 'client-other-ca'] as const)
      expect(await namesSeenBy(rig.tlsClient({ ...certificate(name), ...inVersion(version) }))).toBe('nobody');
    expect(await namesSeenBy(rig.tlsClient(inVersion(version)))).toBe('nobody');
    expect(rig.seen.malformed).toEqual([]);
  });

  test('where it is required, nobody without a valid one gets through, and the reason is in words', async () => {
    const rig = await start({ clientRequired: true });
    expect(await namesSeenBy(rig.tlsClient({ ...certificate('client-1'), ...inVersion(version) }))).toBe('client-1');
    for (const options of [certificate('client-expired'), certificate('client-other-ca'), {}]) {
      const refused = rig.tlsClient({ ...options, ...inVersion(version) }).send(GET);
      expect(await refused.isClosed()).toBe('');
    }
    expect(rig.seen.malformed).toEqual(Array(3).fill('0 tls_handshake'));
    expect(rig.seen.details).toEqual([
      "the client's certificate: CERT_HAS_EXPIRED",
      expect.stringMatching(
        /^the client's certificate: (UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/,
      ),
      'peer did not return a certificate',
    ]);
    expect(rig.seen.bodies).toHaveLength(1);
  });

  test('a session begun with one listener is resumed with another, and its client is known still', async () => {
    const ticketKeys = newTicketKeys();
    const [one, other] = [await start({ ticketKeys }), await start({ ticketKeys })];
    const session = await sessionOf(one, { ...certificate('client-1'), ...inVersion(version) });
    const resumed = other.tlsClient({ session, ...inVersion(version) });
    expect(await namesSeenBy(resumed)).toBe('client-1');
    expect(resumed.tls.isSessionReused()).toBe(true);
    // A session of nobody stays one, with a certificate at hand.
    const anonymous = await sessionOf(one, inVersion(version));
    const still = other.tlsClient({ session: anonymous, ...certificate('client-1'), ...inVersion(version) });
    expect(await namesSeenBy(still)).toBe('nobody');
    expect(still.tls.isSessionReused()).toBe(true);
  });

  test('a session whose certificate was not valid is resumed as nobody’s', async () => {
    const rig = await start();
    for (const name of ['client-expired', 'client-other-ca'] as const) {
      const session = await sessionOf(rig, { ...certificate(name), ...inVersion(version) });
      expect(await namesSeenBy(rig.tlsClient({ session, ...inVersion(version) }))).toBe('nobody');
    }
  });

  test('when who signs clients has changed, a session from before gets nobody in', async () => {
    const rig = await start();
    const session = await sessionOf(rig, { ...certificate('client-1'), ...inVersion(version) });
    rig.listener.setTls(tlsMaterial({ clientCa: readFileSync(otherCaFile, 'utf8') }));
    const again = rig.tlsClient({ session, ...certificate('client-1'), ...inVersion(version) });
    expect(await namesSeenBy(again)).toBe('nobody');
    expect(again.tls.isSessionReused()).toBe(false);
    expect(await namesSeenBy(rig.tlsClient({ ...certificate('client-other-ca'), ...inVersion(version) }))).toBe(
      'client-1',
    );
  });

  test('where a certificate is required, a session without one gets nobody in', async () => {
    const ticketKeys = newTicketKeys();
    const [lax, strict] = [await start({ ticketKeys }), await start({ ticketKeys, clientRequired: true })];
    for (const options of [{}, certificate('client-other-ca')]) {
      const session = await sessionOf(lax, { ...options, ...inVersion(version) });
      const refused = strict.tlsClient({ session, ...inVersion(version) }).send(GET);
      expect(await refused.isClosed()).toBe('');
    }
    expect(strict.seen.bodies).toEqual([]);
  });
});
