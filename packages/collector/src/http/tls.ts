/**
 * What TLS is here: what a listener needs of its owner, and what is agreed with every client whatever the owner says.
 * Owns the suites and curves, each with forward secrecy and nothing that was ever broken.
 */
import { constants, randomBytes } from 'node:crypto';
import type { TlsOptions } from 'node:tls';

export interface TlsMaterial {
  /** PEM: the certificate, then those that sign it. */
  readonly cert: string;
  readonly key: string;
  /** PEM; '' when clients are not asked for a certificate. */
  readonly clientCa: string;
  /** A handshake without a valid certificate of the client fails. */
  readonly clientRequired: boolean;
  readonly clientId: 'san' | 'cn';
  readonly minVersion: '1.2' | '1.3';
  /**
   * 48 bytes that all workers share, so that a session begun with one is resumed with another. They must be new whenever
   * anything else here is: a session remembers that its client was known, and by whom that was said.
   */
  readonly ticketKeys: Uint8Array;
}

const TICKET_KEY_BYTES = 48;

/** For how long a client may resume a session instead of beginning anew. */
const SESSION_TIMEOUT_S = 3600;

/** Of TLS 1.3, then of TLS 1.2; the cheapest first, since all are strong. */
const SUITES = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
] as const;

const CURVES = ['X25519', 'P-256', 'P-384'] as const;

/** OpenSSL's SSL_OP_NO_RENEGOTIATION, which node does not name. */
const NO_RENEGOTIATION = 1 << 30;

/** @returns keys that nobody has seen. */
export function newTicketKeys(): Uint8Array {
  return randomBytes(TICKET_KEY_BYTES);
}

/** @returns the options of node:tls for it. */
export function tlsOptions(material: TlsMaterial): TlsOptions {
  const { cert, key, clientCa, clientRequired, minVersion, ticketKeys } = material;
  return {
    cert,
    key,
    ...(clientCa === '' ? {} : { ca: clientCa }),
    requestCert: clientCa !== '',
    rejectUnauthorized: clientRequired,
    minVersion: `TLSv${minVersion}`,
    maxVersion: 'TLSv1.3',
    ciphers: SUITES.join(':'),
    ecdhCurve: CURVES.join(':'),
    honorCipherOrder: true,
    secureOptions: NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
    ALPNProtocols: ['http/1.1'],
    ticketKeys: Buffer.from(ticketKeys),
    sessionIdContext: 'metricstream',
    sessionTimeout: SESSION_TIMEOUT_S,
  };
}
