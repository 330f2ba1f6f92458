/** The one function of snappyjs that a bench uses; the library brings no types. */
declare module 'snappyjs' {
  export function compress(bytes: Uint8Array): Uint8Array;
}
