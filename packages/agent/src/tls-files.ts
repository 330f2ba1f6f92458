/**
 * The files under collector.tls as options for a connection. Promises that what it returns was checked: each file holds
 * what its name says, and the key is the certificate's.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { belongTogether, certificatesIn, privateKeyIn } from '@metricstream/shared/pem.ts';
import { type FileFault, readOptionFile } from './small-file.ts';

/** '' where none is given. */
export interface TlsFiles {
  /** CAs that are trusted instead of the system's. */
  readonly caFile: string;
  /** What the agent shows to a collector that asks for a certificate. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** As node:tls takes them. */
export interface TlsOptions {
  ca?: string | string[];
  cert?: string;
  key?: string;
}

export type TlsRead =
  | { ok: true; options: TlsOptions }
  | (FileFault & { option: 'ca_file' | 'cert_file' | 'key_file' });

const BYTES_MAX = 1024 * 1024;

export function readTls({ caFile, certFile, keyFile }: TlsFiles): TlsRead {
  const options: TlsOptions = {};
  if (caFile !== '') {
    const ca = readCertificates(caFile);
    if (!ca.ok) return { ...ca, option: 'ca_file' };
    options.ca = ca.text;
  }
  if (certFile === '' || keyFile === '') return { ok: true, options };
  const cert = readCertificates(certFile);
  if (!cert.ok) return { ...cert, option: 'cert_file' };
  const key = readKey(keyFile);
  if (!key.ok) return { ...key, option: 'key_file' };
  // The first is the agent's own, the others lead to a CA.
  if (!belongTogether(cert.first, key.key))
    return { ok: false, option: 'key_file', what: `${keyFile}: is not the key of ${certFile}`, expected: 'that key' };
  return { ok: true, options: { ...options, cert: cert.text, key: key.text } };
}

function readCertificates(path: string): { ok: true; text: string; first: X509Certificate } | FileFault {
  const read = readOptionFile(path, { bytesMax: BYTES_MAX, expected: 'a PEM file of certificates' });
  if (!read.ok) return read;
  const expected = 'PEM: -----BEGIN CERTIFICATE----- and what follows';
  const found = certificatesIn(read.text);
  if (found.ok) return { ...read, first: found.first };
  const what = found.fault === 'none' ? 'holds no certificate' : 'holds a certificate that cannot be read';
  return { ok: false, what: `${path}: ${what}`, expected };
}

function readKey(path: string): { ok: true; text: string; key: KeyObject } | FileFault {
  const read = readOptionFile(path, { bytesMax: BYTES_MAX, expected: 'a PEM file with a private key' });
  if (!read.ok) return read;
  const found = privateKeyIn(read.text);
  if (found.ok) return { ...read, key: found.key };
  return {
    ok: false,
    what: `${path}: holds no private key, or an encrypted one`,
    expected: 'a PEM private key as it is',
  };
}

/** @returns the CAs this system trusts, or undefined when it names none: then Node's own list is used. */
export function systemRoots(): string[] | undefined {
  // Loaded here: an agent without TLS has no use for it.
  const found = process.getBuiltinModule('node:tls').getCACertificates('system');
  return found.length === 0 ? undefined : [...new Set(found)];
}
