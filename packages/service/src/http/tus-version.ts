/** The only version there is. */
export const TUS_VERSION = '1.0.0';
/** What of its extensions is spoken here. */
export const TUS_EXTENSIONS = ['creation', 'creation-with-upload', 'termination', 'expiration'];
