using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests;

/// <summary>A server with a category 'parts' of 16 normals, and a second operator.</summary>
public sealed class PartsFixture : ServerFixture, IAsyncLifetime
{
    private const int Normals = 16;

    internal string SecondOperator { get; private set; } = "";

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        SecondOperator = (await App.Service<ApiKeyStore>().CreateAsync("second", Role.Operator, [])).Text;
        await CreateAsync("parts", [.. Enumerable.Range(0, Normals).Select(i => ($"good-{i}.png", Part.Good(i)))]);
    }

    /// <summary>Makes a category of some normals, with thresholds.</summary>
    internal async Task CreateAsync(string category, IReadOnlyList<(string Name, byte[] File)> normals)
    {
        using var client = Client(Engineer);
        var form = new MultipartFormDataContent();
        foreach (var (name, file) in normals) form.Add(Image(file), "image", name);
        (await client.PostAsync($"/v1/galleries/{category}/images", form)).EnsureSuccessStatusCode();
    }
}
