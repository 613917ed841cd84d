using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests;

public sealed class BindingTests
{
    [Theory]
    [InlineData("http://127.0.0.1:5080", false, false, true)]
    [InlineData("http://localhost:5080", false, false, true)]
    [InlineData("http://[::1]:5080", false, false, true)]
    [InlineData("http://0.0.0.0:5080", false, true, false)]
    [InlineData("http://0.0.0.0:5080", true, false, false)]
    [InlineData("http://0.0.0.0:5080", true, true, true)]
    [InlineData("http://*:5080", false, true, false)]
    [InlineData("http://192.168.1.5:80", true, false, false)]
    [InlineData("https://0.0.0.0:5443", false, true, false)] // no certificate
    [InlineData("ftp://127.0.0.1", false, true, false)]
    [InlineData("http://example.org:80", true, true, false)]
    public void Only_loopback_is_open_without_encryption_and_a_key(string url, bool insecure, bool key, bool allowed)
    {
        var options = new ServerOptions { Urls = [url], Insecure = insecure };
        if (allowed) Assert.Single(Binding.Check(options, key).Http);
        else Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => Binding.Check(options, key)).Error);
    }

    [Fact]
    public void Https_beyond_loopback_still_needs_a_key()
        => Assert.Throws<SpadeException>(() =>
            Binding.Check(new ServerOptions { Urls = ["https://0.0.0.0:5443"], Certificate = "a.pem" }, anyKey: false));
}
