/** NIST SP 800-63B, 5.1.1.2, asks for length and for no rules of composition; it has 8 for the least. */
export const PASSWORD_CHARACTERS_MIN = 12;
