import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

/** What the provider knows of somebody who logs in there by the name of `sub`. */
export interface Account {
  readonly email?: string;
  readonly emailVerified?: boolean;
}

const CLIENT_ID = 'safelight';
const CLIENT_SECRET = 'a secret between two servers';

/** A real provider of OpenID Connect on a free loopback port; its pages take any password. */
export class OidcProvider {
  readonly issuer: string;
  readonly env: Readonly<Record<string, string>>;
  readonly accounts = new Map<string, Account>();
  readonly #server: Server;
  #handle: (request: IncomingMessage, response: ServerResponse) => void = (_, response) =>
    response.writeHead(503).end();

  private constructor(server: Server) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.env = {
      SAFELIGHT_OIDC_ISSUER: this.issuer,
      SAFELIGHT_OIDC_CLIENT_ID: CLIENT_ID,
      SAFELIGHT_OIDC_CLIENT_SECRET: CLIENT_SECRET,
    };
  }

  static async listen(): Promise<OidcProvider> {
    const server = createServer((request, response) => provider.#handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const provider = new OidcProvider(server);
    return provider;
  }

  /** Knows Safelight from now on; until then it answers 503. */
  register(safelightUrl: string): void {
    const provider = new Provider(this.issuer, {
      clients: [
        {
          client_id: CLIENT_ID,
          client_secret: CLIENT_SECRET,
          redirect_uris: [`${safelightUrl}/v1/session/oidc/callback`],
        },
      ],
      cookies: { keys: ['of a test'] },
      claims: { openid: ['sub'], email: ['email', 'email_verified'] },
      findAccount: (_context: unknown, sub: string) => ({
        accountId: sub,
        claims: () => {
          const { email, emailVerified } = this.accounts.get(sub) ?? {};
          return { sub, email, email_verified: emailVerified };
        },
      }),
    });
    this.#handle = provider.callback();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A browser without a window: it keeps cookies by host and path, follows redirects and fills in the provider's forms. */
export class FormBrowser {
  readonly cookies: {
    readonly origin: string;
    readonly path: string;
    readonly name: string;
    readonly value: string;
  }[] = [];

  /** Goes on until a page of `until` would come. @returns its URL, which was not asked for. */
  async walk(start: string, login: string, until: (url: URL) => boolean): Promise<URL> {
    let url = new URL(start);
    let body: URLSearchParams | undefined;
    for (let step = 0; step < 20; step += 1) {
      if (step > 0 && until(url)) return url;
      const response: Response = await this.ask(url, body);
      const location = response.headers.get('location');
      body = undefined;
      if (location) {
        await response.body?.cancel();
        url = new URL(location, url);
        continue;
      }
      const page = await response.text();
      const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1];
      if (!action || !prompt) throw new Error(`${response.status} of ${url.href} leads nowhere: ${page}`);
      url = new URL(action, url);
      body = new URLSearchParams({ prompt, login, password: 'any' });
    }
    throw new Error('the way to the log-in has no end');
  }

  /** One request with the cookies that belong to it; those of the answer are kept. */
  async ask(url: URL, body?: URLSearchParams): Promise<Response> {
    const cookie = this.cookies
      .filter(({ origin, path }) => origin === url.origin && url.pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      headers: cookie ? { cookie } : {},
      ...(body && { method: 'POST', body }),
    });
    for (const text of response.headers.getSetCookie()) this.#keep(url.origin, text);
    return response;
  }

  #keep(origin: string, text: string): void {
    const [pair = '', ...attributes] = text.split(/;\s*/);
    const [name = ''] = pair.split('=');
    const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice('path='.length) ?? '/';
    const isEnded = attributes.some((attribute) => /^(max-age=0$|expires=.*1970)/i.test(attribute));
    const at = this.cookies.findIndex((one) => one.origin === origin && one.path === path && one.name === name);
    if (at >= 0) this.cookies.splice(at, 1);
    if (!isEnded) this.cookies.push({ origin, path, name, value: pair.slice(name.length + 1) });
  }
}
