namespace SpadeCluster.Server.Security;

/// <summary>Creates and revokes keys, with entries in the audit log, for the API, the console and the command line.</summary>
public sealed class KeyChanges(ApiKeyStore keys, AuditLog audit, TimeProvider clock)
{
    /// <param name="caller">The author, for the audit log.</param>
    /// <returns>The key's text, which is shown only once and not stored.</returns>
    /// <exception cref="SpadeException">As <see cref="ApiKeyStore.CreateAsync"/>; InvalidArgument: an invalid number of days.</exception>
    public async Task<(string Text, ApiKey Key)> CreateAsync(KeyRequest request, string caller)
    {
        const double Longest = 36_500;
        if (request.Days is { } days && !(days > 0 && days <= Longest))
            throw new SpadeException(SpadeError.InvalidArgument, $"a key lasts more than 0 and at most {Longest} days, not {days}");
        DateTimeOffset? expires = request.Days is { } n ? clock.GetUtcNow().AddDays(n) : null;
        var (text, key) = await keys.CreateAsync(request.Name, request.Role, request.Categories ?? [], expires);
        string scope = key.Categories.Count == 0 ? "all categories" : string.Join(", ", key.Categories);
        await audit.WriteAsync(caller, "key create", key.Id,
            $"{key.Name}, {key.Role}, {scope}{(expires is { } end ? $", until {end:u}" : "")}");
        return (text, key);
    }

    /// <exception cref="SpadeException">NotFound.</exception>
    public async Task RevokeAsync(string id, string caller)
    {
        await keys.RevokeAsync(id);
        await audit.WriteAsync(caller, "key revoke", id);
    }
}
