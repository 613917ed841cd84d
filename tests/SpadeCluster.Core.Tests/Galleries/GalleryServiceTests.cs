using System.Text;
using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Tests;

namespace SpadeCluster.Core.Tests.Galleries;

public sealed class GalleryServiceTests
{
    private readonly InMemoryGalleryStore _store = new();
    private readonly SyntheticEngine _engine = new();

    private GalleryService Service(TimeProvider? clock = null) => new(_store, _engine, "ann", clock: clock);

    private static ImageSource Image(int n) => new($"{n}.png", Encoding.ASCII.GetBytes($"image {n}"));

    private static ImageSource[] ImagesOf(params int[] numbers) => [.. numbers.Select(Image)];

    private async Task<double[]> ScoresAsync(params int[] queries)
    {
        using var scoring = new ScoringService(_store, _engine);
        var scores = new List<double>();
        foreach (int q in queries) scores.Add((await scoring.ScoreAsync("c", Image(q))).Result.Map!.Score);
        return [.. scores];
    }

    [Fact]
    public async Task A_duplicate_is_reported_and_not_added_twice()
    {
        var outcomes = new List<AddOutcome>();
        var m = await Service().AddAsync("c",
            [Image(1), new("copy.png", Encoding.ASCII.GetBytes("image 1")), new("broken.png", "bad"u8.ToArray())],
            new Inline<AddOutcome>(outcomes.Add));
        Assert.Equal([AddStatus.Added, AddStatus.Duplicate, AddStatus.Failed], outcomes.Select(o => o.Status));
        Assert.Equal(outcomes[0].Id, outcomes[1].Id);
        Assert.Contains("broken.png", outcomes[2].Problem);
        Assert.Single(m!.Images);

        var again = await Service().AddAsync("c", [Image(1)]);
        Assert.Equal(1, again!.Version);
    }

    [Fact]
    public async Task Every_change_is_a_version_that_says_who_when_why_and_with_what()
    {
        var clock = new Clock { Now = DateTimeOffset.UnixEpoch };
        var service = Service(clock);
        await service.AddAsync("c", ImagesOf(1, 2, 3));
        clock.Now += TimeSpan.FromHours(1);
        await service.CalibrateAsync("c", new ScoringOptions { GateNeighbours = 2 });
        await service.RetireAsync("c", ["2.png"], "blurred");
        await service.RestoreAsync("c", ["2.png"], "it was not");
        await service.RollBackAsync("c", 2, "start again");

        var history = await service.HistoryAsync("c");
        Assert.Equal(["add 3 images", "learn thresholds for 1 % false rejects", "retire 2.png: blurred", "restore 2.png: it was not",
            "roll back to version 2: start again"], history.Select(v => v.Reason));
        Assert.Equal([1, 2, 3, 4, 5], history.Select(v => v.Version));
        Assert.Equal([3, 3, 2, 3, 3], history.Select(v => v.Images));
        Assert.Equal([false, true, false, true, true], history.Select(v => v.Calibrated));
        Assert.All(history, v =>
            Assert.Equal(("ann", _engine.Model.Digest, "synthetic", null), (v.CreatedBy, v.ModelDigest, v.Preprocessing, v.Problem)));
        Assert.Equal([0, 1, 1, 1, 1], history.Select(v => (v.CreatedAt - DateTimeOffset.UnixEpoch).TotalHours));

        var diff = await ((IGalleryReader)service).DiffAsync("c", 2, 3);
        Assert.Equal(["2.png"], diff.Removed.Select(i => i.Source));
        Assert.Empty(diff.Added);
        Assert.True(diff is { Before: not null, After: null });
        Assert.Equal(["2.png"], (await ((IGalleryReader)service).DiffAsync("c", 3, 4)).Added.Select(i => i.Source));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("image 2"u8)), diff.Removed[0].Sha256);
    }

    [Fact]
    public async Task Rolling_back_a_bad_add_restores_the_scores_to_the_bit()
    {
        var service = Service();
        await service.AddAsync("c", ImagesOf(1, 2, 3, 4));
        await service.CalibrateAsync("c", new ScoringOptions());
        double[] before = await ScoresAsync(1, 50, 51);
        await service.AddAsync("c", ImagesOf(50, 60, 61));
        await service.CalibrateAsync("c", new ScoringOptions());
        Assert.NotEqual(before, await ScoresAsync(1, 50, 51));
        var back = await service.RollBackAsync("c", 2, "bad add");
        Assert.Equal(before, await ScoresAsync(1, 50, 51));
        Assert.Equal(5, back.Version);
        Assert.NotNull(back.Calibration);
    }

    [Fact]
    public void Adding_in_any_order_and_any_batches_gives_the_same_gallery_and_the_same_scores()
    {
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            int[] numbers = [.. Enumerable.Range(0, random.Next(3, 12))];
            var (once, steps) = (new InMemoryGalleryStore(), new InMemoryGalleryStore());
            var whole = new GalleryService(once, _engine, "a").AddAsync("c", ImagesOf(numbers)).AsTask().Result!;

            random.Shuffle(numbers);
            var service = new GalleryService(steps, _engine, "b");
            GalleryManifest? last = null;
            for (int at = 0; at < numbers.Length;)
            {
                int size = random.Next(1, 4);
                // Also with a detour: a wrong image is added and retired again.
                last = service.AddAsync("c", ImagesOf([.. numbers.Skip(at).Take(size), .. at == 0 ? new[] { 1000 } : []])).AsTask().Result;
                if (at == 0) last = service.RetireAsync("c", ["1000.png"], "stray").AsTask().Result;
                at += size;
            }
            Assert.Equal(whole.Images.Select(i => (i.Id, i.Sha256, i.Source)), last!.Images.Select(i => (i.Id, i.Sha256, i.Source)));
            Assert.Equal(whole.Weights!.Pooled, last.Weights!.Pooled);
            Assert.Equal(whole.Weights.Levels, last.Weights.Levels);
            Assert.Equal(Score(once), Score(steps));
        }).QuickCheckThrowOnFailure();

        double Score(InMemoryGalleryStore store)
        {
            using var scoring = new ScoringService(store, _engine);
            return scoring.ScoreAsync("c", Image(77)).AsTask().Result.Result.Map!.Score;
        }
    }

    [Fact]
    public async Task The_version_with_thresholds_judges_until_the_next_has_some()
    {
        var service = Service();
        using var scoring = new ScoringService(_store, _engine);
        async Task<(int, bool)> Of(ScoringService s)
        {
            var scored = await s.ScoreAsync("c", Image(77));
            return (scored.Gallery.Version, scored.Result.Anomalous is not null);
        }

        await service.AddAsync("c", ImagesOf(1, 2, 3));
        Assert.Equal((1, false), await Of(scoring));
        await service.CalibrateAsync("c", new ScoringOptions { GateNeighbours = 2 });
        Assert.Equal((2, true), await Of(scoring));
        await service.AddAsync("c", ImagesOf(4));
        await service.RetireAsync("c", ["1.png"], "blurred");
        Assert.Equal((2, true), await Of(scoring));
        // One that starts now finds the same version.
        using var started = new ScoringService(_store, _engine);
        Assert.Equal((2, true), await Of(started));
        await service.CalibrateAsync("c", new ScoringOptions { GateNeighbours = 2 });
        Assert.Equal((5, true), await Of(scoring));
    }

    [Fact]
    public async Task Another_models_features_are_refused()
    {
        await Service().AddAsync("c", ImagesOf(1));
        var other = new GalleryService(_store, new SyntheticEngine(SyntheticEngine.Tiny with { Digest = new string('b', 64) }), "bob");
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await other.AddAsync("c", ImagesOf(2)));
        Assert.Equal(SpadeError.FailedPrecondition, e.Error);
        Assert.Contains("built with model", e.Message);
    }

    [Fact]
    public async Task What_is_not_there_cannot_be_retired_restored_or_rolled_back_to()
    {
        var service = Service();
        await service.AddAsync("c", ImagesOf(1, 2));
        foreach (var attempt in new Func<Task>[]
        {
            async () => await service.RetireAsync("c", ["9.png"], "x"), async () =>
                await service.RestoreAsync("c", ["1.png"], "x"), async () => await service.RollBackAsync("c", 7, "x"),
            async () => await service.HistoryAsync("d"), async () => await service.GetVersionAsync("c", 2), async () =>
            await service.RollBackAsync("d", 1, "x"), async () => await service.VerifyAsync("d"),
        })
            Assert.Equal(SpadeError.NotFound, (await Assert.ThrowsAsync<SpadeException>(attempt)).Error);
        Assert.Single(await service.HistoryAsync("c"));
    }

    [Fact]
    public async Task A_change_that_undoes_a_bad_one_has_its_thresholds_back()
    {
        var service = Service();
        await service.AddAsync("c", ImagesOf(1, 2, 3));
        var options = new ScoringOptions { Alpha = 0.3, GateNeighbours = 2 };
        var good = await service.CalibrateAsync("c", options);
        await service.AddAsync("c", ImagesOf(4));
        Assert.Equal(options, await service.ReadSettingsAsync("c"));
        var bad = await service.CalibrateAsync("c", new ScoringOptions { Alpha = 0.2, GateNeighbours = 1 });
        Assert.NotEqual(good.Calibration!.Theta, bad.Calibration!.Theta);

        var retired = await service.RetireAsync("c", ["4.png"], "not good");
        Assert.Equal((5, good.Calibration.Theta, good.Calibration.Tau),
            (retired.Version, retired.Calibration!.Theta, retired.Calibration.Tau));
        Assert.Equal(bad.Calibration.Theta, (await service.RestoreAsync("c", ["4.png"], "good after all")).Calibration!.Theta);
        // Version 1 had no thresholds itself; 2 had its images.
        Assert.Equal(good.Calibration.Theta, (await service.RollBackAsync("c", 1, "no")).Calibration!.Theta);
        Assert.Null((await service.RetireAsync("c", ["1.png"], "blurred")).Calibration);
    }

    [Fact]
    public async Task An_accepted_suspect_stays_accepted_and_others_are_refused()
    {
        var service = Service();
        await service.AddAsync("c", ImagesOf([.. Enumerable.Range(1, 12)]));
        var m = await service.CalibrateAsync("c", ScoringOptions.Default);
        // The image with the highest score serves as the suspect; ThresholdEstimateTests has the rule.
        var odd = m.Images[3];
        m = m with
        {
            Version = m.Version + 1,
            Calibration = m.Calibration! with { Suspects = [new Suspect(odd.Id, m.Calibration.Scores[^1], m.Calibration.Scores[^2])] }
        };
        using (await _store.LockAsync("c")) await _store.PublishAsync(m);

        var accepted = await service.AcceptAsync("c", [odd.Source], "bright, but good");
        Assert.Equal([odd.Id], accepted.Accepted);
        Assert.Equal((true, $"accept {odd.Source}: bright, but good"), (accepted.Calibration!.Suspects[0].Accepted, accepted.Reason));
        Assert.Equal([odd.Id], (await service.AddAsync("c", ImagesOf(20)))!.Accepted);
        Assert.Empty((await service.RetireAsync("c", [odd.Source], "bad after all")).Accepted);
        foreach (string image in new[] { odd.Source, m.Images[0].Source })
            Assert.Equal(SpadeError.NotFound,
                (await Assert.ThrowsAsync<SpadeException>(async () => await service.AcceptAsync("c", [image], "x"))).Error);
    }

    [Fact]
    public async Task A_threshold_set_by_hand_holds_until_it_is_taken_back_and_is_in_the_record()
    {
        var service = Service();
        await service.AddAsync("c", ImagesOf(1, 2, 3, 4));
        var estimated = await service.CalibrateAsync("c", ScoringOptions.Default);
        var manual = await service.CalibrateAsync("c", ScoringOptions.Default with { Theta = 12.5 });
        Assert.Equal((12.5, "set the defect threshold to 12.5"), (manual.Calibration!.Theta, manual.Reason));
        var changed = (await service.AddAsync("c", ImagesOf(5)))!;
        Assert.Equal(12.5, (await service.CalibrateAgainAsync(changed, await service.ReadSettingsAsync("c"))).Calibration!.Theta);
        await service.RetireAsync("c", ["5.png"], "x");
        Assert.Equal(estimated.Calibration!.Theta, (await service.CalibrateAsync("c", ScoringOptions.Default)).Calibration!.Theta);
        Assert.Equal(SpadeError.InvalidArgument,
            (await Assert.ThrowsAsync<SpadeException>(async () =>
                await service.CalibrateAsync("c", ScoringOptions.Default with { Theta = -1 }))).Error);
    }

    [Fact]
    public async Task Changes_name_images_and_a_reason()
    {
        var service = Service();
        await service.AddAsync("c", ImagesOf(1, 2));
        foreach (var attempt in new Func<Task>[]
        {
            async () => await service.RetireAsync("c", [], "x"), async () => await service.RetireAsync("c", ["1.png"], " "), async () =>
                await service.RestoreAsync("c", [], "x"),
            async () => await service.RestoreAsync("c", ["1.png"], ""), async () => await service.RollBackAsync("c", 1, ""),
        })
            Assert.Equal(SpadeError.InvalidArgument, (await Assert.ThrowsAsync<SpadeException>(attempt)).Error);
        Assert.Single(await service.HistoryAsync("c"));
    }

    [Fact]
    public async Task Adding_may_say_why()
    {
        var service = Service();
        await service.AddAsync("c", ImagesOf(1, 2), reason: "first shift");
        await service.AddAsync("c", ImagesOf(3), reason: "new lamp");
        await service.AddAsync("c", ImagesOf(3), reason: "the same again");
        Assert.Equal(["add 2 images: first shift", "add 1 image: new lamp"], (await service.HistoryAsync("c")).Select(v => v.Reason));
        var control = await Assert.ThrowsAsync<SpadeException>(async () =>
            await service.RetireAsync("c", ["1.png"], "\u001b[2Jall is well"));
        Assert.Equal((SpadeError.InvalidArgument, "a reason must be text: it contains control characters"),
            (control.Error, control.Message));
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await service.AddAsync("c", ImagesOf(4), reason: " "));
        Assert.Equal((SpadeError.InvalidArgument, 3), (e.Error, (await service.GetAsync("c")).Images.Count));
    }

    [Fact]
    public async Task An_image_is_named_by_as_much_as_tells_it_apart()
    {
        var service = Service();
        ImageSource[] images = [.. new[] { "a/1.png", "b/1.png", "c/1.png", "d/1.png", "1.png", @"C:\line\2.png", "cafe" }.Select(name =>
            new ImageSource(name, Encoding.ASCII.GetBytes(name)))];
        var m = (await service.AddAsync("c", images))!;
        string IdOf(string source) => m.Images.Single(i => i.Source == source).Id.ToString();

        // An image's source has precedence over equal file names.
        Assert.Equal("retire 1.png: x", (await service.RetireAsync("c", ["1.png"], "x")).Reason);
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await service.RetireAsync("c", ["2.png", "1.png"], "x"));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Matches("^'1.png' may be 4 images: [0-9a-f]{16} \\(./1.png\\), .*, [^,]* and 1 more; name the one meant by its id$",
            e.Message);
        Assert.Equal(2, (await service.GetAsync("c")).Version);

        // The history names the image that the short name meant, once.
        Assert.Equal(@"retire C:\line\2.png, a/1.png: x",
            (await service.RetireAsync("c", ["2.png", IdOf("a/1.png")[..6].ToUpperInvariant(), "a/1.png"], "x")).Reason);
        Assert.Equal(SpadeError.NotFound,
            (await Assert.ThrowsAsync<SpadeException>(async () => await service.RetireAsync("c", [IdOf("cafe")[..3]], "x"))).Error);

        // Only retired images count: two have this file name, one has this source.
        Assert.Equal("restore 1.png: y", (await service.RestoreAsync("c", ["1.png"], "y")).Reason);
        Assert.Equal("restore a/1.png: y", (await service.RestoreAsync("c", ["1.png"], "y")).Reason);
        var back = await service.RestoreAsync("c", [IdOf(@"C:\line\2.png")[..4]], "y");
        Assert.Equal(@"restore C:\line\2.png: y", back.Reason);
        Assert.Equal(m.Images, back.Images);
    }

    [Fact]
    public async Task A_second_writer_is_told_and_a_thumbnail_is_kept()
    {
        var service = new GalleryService(_store, _engine, "ann", thumbnail: image => image.Pixels[..10]);
        using (await _store.LockAsync("c"))
            Assert.Equal(SpadeError.FailedPrecondition,
                (await Assert.ThrowsAsync<SpadeException>(async () => await service.AddAsync("c", ImagesOf(1)))).Error);
        var m = await service.AddAsync("c", ImagesOf(1));
        Assert.Equal(10, (await service.GetThumbnailAsync("c", m!.Images[0].Id))!.Length);
        Assert.Equal(SpadeError.NotFound,
            (await Assert.ThrowsAsync<SpadeException>(async () => await service.GetThumbnailAsync("c", new ImageId(1)))).Error);
    }

    [Fact]
    public async Task Compaction_keeps_the_newest_and_the_pinned_versions()
    {
        var service = Service();
        for (int i = 1; i <= 6; i++) await service.AddAsync("c", ImagesOf(i));
        await service.RetireAsync("c", ["1.png", "2.png"], "worn");
        using (await _store.PinAsync("c", 3))
        {
            var report = await service.CompactAsync("c", new Retention(2));
            Assert.Equal([1, 2, 4, 5], report.Dropped);
            Assert.Equal([3], report.InUse);
            Assert.Equal(0, report.Images);
        }
        // Version 6 keeps all six images; without it the two retired ones are deleted.
        Assert.Equal([3], (await service.CompactAsync("c", new Retention(2))).Dropped);
        Assert.Equal((6, 2), await service.CompactAsync("c", new Retention(1)) is var r ? (r.Dropped.Single(), r.Images) : default);
        Assert.Empty(await service.VerifyAsync("c"));
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }
        public override DateTimeOffset GetUtcNow() => Now;
    }

    private sealed class Inline<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
