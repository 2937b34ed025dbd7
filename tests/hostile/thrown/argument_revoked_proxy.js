// A proxy that is revoked.
const { proxy, revoke } = Proxy.revocable({}, {});
revoke();
return utils.whatsapp.send(proxy);
