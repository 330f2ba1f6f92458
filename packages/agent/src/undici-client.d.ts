/** Types for the one module of undici that is loaded (see collector-client.ts). */
declare module 'undici/lib/dispatcher/client.js' {
  import { Client } from 'undici';
  export default Client;
}
