/** Which collector this is. Owns the one place that reads it from package.json. */
import manifest from '../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
