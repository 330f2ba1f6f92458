/**
 * Certificates and keys in PEM. Owns finding them in a text and promises: a block that is torn is said, never passed
 * over, and whatever the text, looking takes time in proportion to its length. What to say of it is the reader's own.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

export type PemCertificates =
  | { ok: true; first: X509Certificate; all: readonly X509Certificate[] }
  | { ok: false; fault: 'none' }
  /** `which` of them, from 1. */
  | { ok: false; fault: 'broken'; which: number; cause: unknown };

export type PemKey = { ok: true; key: KeyObject } | { ok: false; encrypted: boolean; cause: unknown };

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/** In their order: of a chain, its owner's is the first. */
export function certificatesIn(pem: string): PemCertificates {
  const all: X509Certificate[] = [];
  for (const block of pem.split(BEGIN).slice(1)) {
    try {
      all.push(new X509Certificate(`${BEGIN}${block.split(END, 1)[0]}${END}\n`));
    } catch (cause) {
      return { ok: false, fault: 'broken', which: all.length + 1, cause };
    }
  }
  const [first] = all;
  return first === undefined ? { ok: false, fault: 'none' } : { ok: true, first, all };
}

/** Whoever starts by himself has nobody to ask for a passphrase: an encrypted key is none. */
export function privateKeyIn(pem: string): PemKey {
  try {
    return { ok: true, key: createPrivateKey(pem) };
  } catch (cause) {
    return { ok: false, encrypted: pem.includes('ENCRYPTED'), cause };
  }
}

export function belongTogether(certificate: X509Certificate, key: KeyObject): boolean {
  return certificate.checkPrivateKey(key);
}
