using System.Collections.Concurrent;
using SpadeCluster.Cli.Watch;
using SpadeCluster.Features;

namespace SpadeCluster.Cli.Tests.Watch;

public sealed class FolderWatchTests : WorkFolder
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(1));

    private readonly ConcurrentDictionary<string, FileStamp> _known = new(StringComparer.Ordinal);

    private FolderWatch Watch(TimeProvider? clock = null)
        => new(Root, _known, TimeSpan.FromMilliseconds(20), _ => { }, clock ?? TimeProvider.System);

    [Fact]
    public async Task Of_ten_thousand_files_dropped_at_once_each_is_found_once()
    {
        const int Files = 10_000;
        // Half of them are there before, half come while the watch runs.
        var writing = Task.CompletedTask;
        for (int i = 0; i < Files / 2; i++) File.WriteAllBytes(At($"{i}.png"), [1]);
        var found = new HashSet<string>();
        await foreach (var file in Watch().FilesAsync(_limit.Token))
        {
            if (found.Count == 0)
                writing = Task.Run(() => Parallel.For(Files / 2, Files, i =>
                {
                    File.WriteAllBytes(At($"{i}.part"), [1]);
                    File.Move(At($"{i}.part"), At($"{i}.png"));
                }));
            Assert.True(found.Add(file.Name), $"{file.Name} was found twice");
            if (found.Count == Files) break;
        }
        await writing;
    }

    [Fact]
    public async Task An_empty_file_waits_for_its_content_and_a_changed_one_is_another_image()
    {
        File.WriteAllBytes(At("empty.png"), []);
        File.WriteAllBytes(At("full.png"), [1]);
        File.WriteAllBytes(At("notes.txt"), [1]);
        File.WriteAllBytes(At(".hidden.png"), [1]);
        await using var files = Watch().FilesAsync(_limit.Token).GetAsyncEnumerator();
        async Task<string> NextAsync() => await files.MoveNextAsync() ? files.Current.Name : "";
        Assert.Equal("full.png", await NextAsync());
        File.WriteAllBytes(At("second.png"), [1]);
        Assert.Equal("second.png", await NextAsync());
        File.WriteAllBytes(At("empty.png"), [1]);
        Assert.Equal("empty.png", await NextAsync());
        File.WriteAllBytes(At("full.png"), [1, 2]);
        Assert.Equal("full.png", await NextAsync());
    }

    [Fact]
    public async Task A_clock_that_is_set_back_does_not_delay_the_next_scan()
    {
        File.WriteAllBytes(At("a.png"), [1]);
        var clock = new SetBackClock();
        await using var files = Watch(clock).FilesAsync(_limit.Token).GetAsyncEnumerator();
        Assert.True(await files.MoveNextAsync());
        // No event names it again, as on a network share: only a scan finds it.
        _known.Clear();
        clock.Now -= TimeSpan.FromHours(1);
        clock.Elapsed += TimeSpan.FromSeconds(11);
        Assert.True(await files.MoveNextAsync());
        Assert.Equal("a.png", files.Current.Name);
    }

    [Fact]
    public void A_journal_that_was_cut_in_a_line_keeps_the_others()
    {
        foreach (string name in new[] { "a.png", "b.png", "gone.png" }) File.WriteAllBytes(At(name), [1]);
        using (var journal = new WatchJournal(At("results"), Root))
            foreach (string name in new[] { "a.png", "gone.png", "b.png" })
                journal.Add(new WatchedImage(name, 1, File.GetLastWriteTimeUtc(At(name)), DateTime.UtcNow, "c", ImageMetadata.None, null,
                    name == "a.png" ? "damaged" : null));
        using (var file = File.OpenWrite(At("results"))) file.SetLength(file.Length - 5);
        File.Delete(At("gone.png"));
        using var again = new WatchJournal(At("results"), Root);
        Assert.Equal(["a.png"], again.Known.Keys);
        Assert.Equal(["a.png"], again.Failed);
        Assert.Throws<SpadeException>(() => new WatchJournal(At("results"), Root));
    }

    [Theory]
    [InlineData("{line}_{serial_number}_*", "L3_4711_0001.png", "L3", "4711")]
    [InlineData("*-{serial_number}", "a-b.png", null, "b")]
    [InlineData("cam.{serial_number}", "cam.7.png", null, "7")]
    public void Metadata_is_read_from_a_name(string pattern, string name, string? line, string serial)
        => Assert.Equal(new ImageMetadata(line, serial), new NamePattern(pattern).Read(name));

    [Fact]
    public void Names_that_do_not_fit_and_patterns_that_cannot_be_are_told_apart()
    {
        Assert.Null(new NamePattern("cam.{serial_number}").Read("camx7.png"));
        foreach (string wrong in new[] { "*", "{serial}", "{line}{line}" })
            Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => new NamePattern(wrong)).Error);
    }

    /// <summary>Its time of day moves apart from the time that passes.</summary>
    private sealed class SetBackClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch.AddYears(50);
        public TimeSpan Elapsed { get; set; } = TimeSpan.FromDays(1);

        public override DateTimeOffset GetUtcNow() => Now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Elapsed.Ticks;
    }
}
