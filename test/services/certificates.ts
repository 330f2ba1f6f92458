/**
 * Certificates for tests of TLS: committed, elliptic, valid until 2100 (two are expired on purpose), for tests only; their
 * keys are public. Owns their names and where they lie; certificates/make.sh makes them all anew.
 *
 *     const server = createServer(readCertificate('server'), onRequest); // node:https
 *     const { certFile, keyFile } = certificateFiles('client-1');
 *     const tls = { ca_file: caFile, cert_file: certFile, key_file: keyFile };
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const dir = fileURLToPath(new URL('./certificates/', import.meta.url));

/** Signed the others, but for those named `-other-ca`. */
export const caFile = `${dir}ca.pem`;
export const otherCaFile = `${dir}other-ca.pem`;

/**
 * Of servers, for 127.0.0.1, ::1 and localhost, save `server-elsewhere` (only `elsewhere.example`): `server`,
 * `server-renewed` (another key, as after a renewal), `server-expired`, `server-other-ca`.
 * Of clients, by their DNS names in subjectAltName: `client-1` and `client-2` (as they are called; their common names are
 * `of client-1` and `of client-2`), `client-expired` and `client-other-ca` (client-1 both), `client-cn` (no subjectAltName,
 * common name `client-cn`), `client-several` (client-1, client-3, a URI and `*.example`).
 */
export type CertificateName =
  | 'server'
  | 'server-renewed'
  | 'server-elsewhere'
  | 'server-expired'
  | 'server-other-ca'
  | 'client-1'
  | 'client-2'
  | 'client-cn'
  | 'client-several'
  | 'client-expired'
  | 'client-other-ca';

/** Where the certificate and its key are, as PEM. */
export function certificateFiles(name: CertificateName): { certFile: string; keyFile: string } {
  return { certFile: `${dir}${name}.pem`, keyFile: `${dir}${name}.key` };
}

/** The same as node:tls takes it: `cert`, `key`, and the `ca` that signed the others. */
export function readCertificate(name: CertificateName): { cert: string; key: string; ca: string } {
  const { certFile, keyFile } = certificateFiles(name);
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), ca: readFileSync(caFile, 'utf8') };
}
