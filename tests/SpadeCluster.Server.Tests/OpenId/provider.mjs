// A small OpenID Connect provider for tests. It writes its address, then reads lines: first where it may send browsers back to, then
// accounts: NAME and the values of the claim "roles". It ends with its input.
import http from 'node:http';
import readline from 'node:readline';
import Provider from 'oidc-provider';

// The package's notes do not belong among the answers.
console.info = console.warn;

const accounts = new Map();
// "localhost" is another site than 127.0.0.1, where the server under test is.
const server = http.createServer().listen(0, '127.0.0.1', () => console.log(issuer()));
const issuer = () => `http://localhost:${server.address().port}`;

const create = redirect => new Provider(issuer(), {
  clients: [{ client_id: 'spade', client_secret: 'known to tests only', redirect_uris: [redirect],
    token_endpoint_auth_method: 'client_secret_post' }],
  claims: { openid: ['sub'], profile: ['name', 'roles'] },
  findAccount: (_, id) => ({ accountId: id,
    claims: () => ({ sub: id, name: `${id[0].toUpperCase()}${id.slice(1)} Example`, roles: accounts.get(id) ?? [] }) }),
  // Nobody is asked for consent.
  async loadExistingGrant(context) {
    const { client, session, provider } = context.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid profile');
    await grant.save();
    return grant;
  },
});

let provider;
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [first, ...roles] = line.split(' ');
  if (provider) accounts.set(first, roles);
  else {
    provider = create(first);
    server.on('request', provider.callback());
  }
  console.log('done');
}
process.exit();
