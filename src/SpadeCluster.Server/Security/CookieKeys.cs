using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Security;

/// <summary>The signing keys of cookies and forms, in the server's database, so that all gateways of a cluster share them.</summary>
internal sealed class CookieKeys(ServerDatabase database) : IXmlRepository
{
    public IReadOnlyCollection<XElement> GetAllElements() =>
        database.Read(c => c.Query("SELECT xml FROM cookie_keys", r => XElement.Parse(r.GetString(0))));

    public void StoreElement(XElement element, string friendlyName) => database.WriteAsync(c =>
        c.Execute("INSERT INTO cookie_keys (name, xml) VALUES ($name, $xml)", ("$name", friendlyName),
            ("$xml", element.ToString(SaveOptions.DisableFormatting)))).GetAwaiter().GetResult();
}
