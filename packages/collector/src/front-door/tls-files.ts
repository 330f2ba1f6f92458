/**
 * What a TLS listener needs, from the files that the configuration names. Owns the reading and every check of it, and
 * promises: what cannot be used is refused with the option and the file, before any worker sees it; what can be used but
 * is not as it should be is a warning in words.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { belongTogether, certificatesIn, privateKeyIn } from '@metricstream/shared/pem.ts';
import { readSmallFile } from '@metricstream/shared/small-file.ts';
import type { AuthMode, TlsFiles } from '../config/types.ts';
import { newTicketKeys, tlsOptions } from '../http/tls.ts';
import type { TlsMaterial } from '../http/tls.ts';

/** Time enough to get another certificate. */
const EXPIRES_SOON_MS = 14 * 86_400_000;
/** Many times what all authorities of a system take. */
const PEM_BYTES_MAX = 4 * 1024 * 1024;
const READABLE_BY_OTHERS = 0o004;

export interface TlsRead {
  readonly material: TlsMaterial;
  /** When the listener's certificate ends. */
  readonly expiresUnixMs: number;
  readonly warnings: readonly string[];
}

/** With ticket keys that are new. What the system said is the cause, not in the message. @throws MetricStreamError `config_invalid` that names the option and the file. */
export function readTlsFiles(files: TlsFiles, auth: AuthMode, nowUnixMs = Date.now()): TlsRead {
  const { text: cert } = read(files.certFile, 'tls.cert_file');
  const { text: key, mode: keyMode } = read(files.keyFile, 'tls.key_file');
  const clientCa = files.clientCaFile === '' ? '' : read(files.clientCaFile, 'tls.client_ca_file').text;
  const chain = certificates(cert, files.certFile, 'tls.cert_file');
  const authorities = files.clientCaFile === '' ? [] : certificates(clientCa, files.clientCaFile, 'tls.client_ca_file');
  const own = chain[0] as X509Certificate;
  if (!belongTogether(own, privateKey(key, files.keyFile)))
    throw invalid(
      'tls.key_file',
      `${files.keyFile} is not the key of the certificate in ${files.certFile} (tls.cert_file); give the two that belong together`,
    );
  const material: TlsMaterial = {
    cert,
    key,
    clientCa,
    clientRequired: auth === 'certificate',
    clientId: files.clientId,
    minVersion: files.minVersion,
    ticketKeys: newTicketKeys(),
  };
  try {
    createSecureContext(tlsOptions(material));
  } catch (cause) {
    throw invalid('tls.cert_file', `${files.certFile} cannot be used by TLS`, cause);
  }
  const warnings = [
    ...chainWarnings(chain, files.certFile),
    ...dateWarnings(own, `tls.cert_file: the certificate in ${files.certFile}`, nowUnixMs),
    ...authorities.flatMap((authority) =>
      dateWarnings(authority, `tls.client_ca_file: ${commonName(authority)} in ${files.clientCaFile}`, nowUnixMs),
    ),
    ...keyWarnings(files.keyFile, keyMode),
  ];
  return { material, expiresUnixMs: own.validToDate.getTime(), warnings };
}

function invalid(option: string, what: string, cause?: unknown): MetricStreamError {
  return new MetricStreamError('config_invalid', `${option}: ${what}`, { cause });
}

function read(path: string, option: string): { text: string; mode: number } {
  const found = readSmallFile(path, PEM_BYTES_MAX);
  if (found.ok) return found;
  if (found.fault === 'no_file') throw invalid(option, `${path} is no file; expected a PEM file`);
  if (found.fault === 'too_large')
    throw invalid(option, `${path} has ${found.bytes} bytes, more than the ${PEM_BYTES_MAX} that a PEM file may`);
  throw invalid(option, `${path}, a PEM file, cannot be read`, found.cause);
}

function certificates(pem: string, path: string, option: string): readonly X509Certificate[] {
  const found = certificatesIn(pem);
  if (found.ok) return found.all;
  if (found.fault === 'none')
    throw invalid(option, `${path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)`);
  throw invalid(option, `certificate ${found.which} in ${path} cannot be read`, found.cause);
}

function privateKey(pem: string, path: string): KeyObject {
  const found = privateKeyIn(pem);
  if (found.ok) return found.key;
  const expected = found.encrypted ? 'it has a passphrase: give it without one' : 'it must be a private key in PEM';
  throw invalid('tls.key_file', `${path} cannot be used; ${expected}`, found.cause);
}

function chainWarnings(chain: readonly X509Certificate[], path: string): string[] {
  return chain.flatMap((certificate, i) => {
    const next = chain[i + 1];
    if (next === undefined || certificate.checkIssued(next)) return [];
    return [
      `tls.cert_file: certificate ${i + 1} in ${path} is not signed by the next one; clients may not trust it. The order is: the certificate, then those that sign it`,
    ];
  });
}

function dateWarnings(certificate: X509Certificate, which: string, nowUnixMs: number): string[] {
  const until = certificate.validToDate;
  const from = certificate.validFromDate;
  if (nowUnixMs > until.getTime()) return [`${which} expired at ${until.toISOString()}; renew it`];
  if (nowUnixMs < from.getTime()) return [`${which} is not valid before ${from.toISOString()}; or is the clock wrong?`];
  if (until.getTime() - nowUnixMs < EXPIRES_SOON_MS) return [`${which} expires at ${until.toISOString()}; renew it`];
  return [];
}

function commonName(certificate: X509Certificate): string {
  return JSON.stringify(certificate.subject.split('\n').at(-1) ?? '');
}

function keyWarnings(path: string, mode: number): string[] {
  if ((mode & READABLE_BY_OTHERS) === 0) return [];
  return [`tls.key_file: every user of this machine may read ${path}; take it away: chmod o= ${path}`];
}
