using System.Runtime.CompilerServices;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

sealed partial class Generaliser
{
    const int ArgumentPositions = 8;
    const byte LiteralPorts = 9; // the ninth distinct port makes them "high"
    const int MostWeighed = 32;  // names of one text, from its start, that weigh in their groups
    const ulong Hard = 0x6861_7264, Pooled = 0x706F_6F6C, Root = 0x726F_6F74;
    const ulong Ports = 0x706F_7274, Prefixes = 0x7072_6566, Addresses = 0x6164_6472, Texts = 0x7465_7874, Names = 0x6E, RandomNames = 0x6E78;

    /// <summary>
    /// One way down a text. The hard chain goes by names and hard patterns alone; from the first group that is open on, a
    /// second chain goes below the open pattern, where the names of all that it covers are pooled.
    /// </summary>
    ref struct Walk(PatternTrie trie, BehaviourClass behaviourClass, Mode mode)
    {
        [InlineArray(MostWeighed)]
        struct Way
        {
            (ulong Group, ulong Child) _first;
        }

        Way _way;
        int _length;
        int _hardenedAt = -1; // names of the way before the last pattern have a pattern below them
        bool _isNew;
        ulong _hard = KeyHash.Mix((ulong)behaviourClass, Root);
        ulong _view = KeyHash.Mix((ulong)behaviourClass, Root);
        bool _parted;
        int _start, _partedAt;

        public ulong Unit { get; init; }

        public bool Again { get; init; }

        public bool Hardened { get; private set; }

        public Range? Turned { get; private set; }

        public void Run(ReadOnlySpan<byte> text, scoped ref ByteWriter to)
        {
            if (!IsWhole(text))
            {
                to.Add(text);
                return;
            }
            switch (behaviourClass)
            {
                case BehaviourClass.Exec:
                    Arguments(text, ref to);
                    break;
                case BehaviourClass.NetOut:
                    Peer(text, ref to);
                    break;
                case BehaviourClass.Dns:
                    Name(text, 0, ref to);
                    Weigh(_isNew, leaf: true);
                    break;
                case BehaviourClass.NetIn:
                    to.Add(text);
                    break;
                default:
                    var at = text.IndexOf((byte)'/');
                    var end = text.IndexOf(" -> "u8);
                    if (at < 0 || end >= 0 && end < at)
                    {
                        to.Add(text);
                        break;
                    }
                    to.Add(text[..at]);
                    Path(text, at..(end < 0 ? text.Length : end), ref to);
                    if (end >= 0)
                        to.Add(text[end..]);
                    break;
            }
        }

        void Path(ReadOnlySpan<byte> text, Range range, scoped ref ByteWriter to)
        {
            var path = text[range];
            if (SensitivePaths.IsProtected(path))
            {
                to.Add(path);
                return;
            }
            _start = range.Start.Value;
            for (var at = 1; at <= path.Length;)
            {
                var length = path[at..].IndexOf((byte)'/');
                var leaf = length < 0;
                var name = leaf ? path[at..] : path.Slice(at, length);
                to.Add((byte)'/');
                var shape = NameShape.Of(name);
                if (name.IsEmpty || !SensitivePaths.MayCollapseBelow(path[..(at - 1)]))
                {
                    Into(name);
                    to.Add(name);
                }
                else if (Step(shape.Hash(leaf), name, _start + at, NameShape.IsPattern(name)))
                    shape.WritePattern(ref to);
                else
                    to.Add(name);
                at += name.Length + 1;
                if (leaf)
                    break;
            }
            Weigh(_isNew, leaf: true);
        }

        /// <summary>"path token token": words by position, flags and paths of protected files as they are.</summary>
        void Arguments(ReadOnlySpan<byte> text, scoped ref ByteWriter to)
        {
            var space = text.IndexOf((byte)' ');
            to.Add(space < 0 ? text : text[..space]);
            if (space < 0)
                return;
            var node = KeyHash.Of(_hard, text[..space]);
            var rest = text[(space + 1)..];
            for (var position = 0; ; position++)
            {
                var end = rest.IndexOf((byte)' ');
                var token = end < 0 ? rest : rest[..end];
                to.Add((byte)' ');
                var open = position < ArgumentPositions && token.Length > 0 && token[0] is not ((byte)'-' or (byte)'{' or (byte)'[')
                    && !SensitivePaths.IsProtected(token);
                var path = open && (token.Contains((byte)'/') || token.SequenceEqual("*path"u8));
                (_hard, _view) = (node, node); // positions do not depend on each other
                _parted = false;
                if (open && Step((ulong)position << 1 | (path ? 1u : 0u), token, space, token is [(byte)'*', ..]))
                    to.Add(path ? "*path"u8 : "*word"u8);
                else
                    to.Add(token);
                if (end < 0)
                    break;
                rest = rest[(end + 1)..];
            }
            if (mode == Mode.Learn && _length > 0)
                Weigh(trie.Count(KeyHash.Mix(node, Texts), KeyHash.Of(text), Unit, true, 0).IsNew, leaf: false);
        }

        /// <summary>"tcp public 203.0.113.7:443": ports, addresses of a prefix, prefixes of a scope.</summary>
        void Peer(ReadOnlySpan<byte> text, scoped ref ByteWriter to)
        {
            var colon = text.LastIndexOf((byte)':');
            var space = colon < 0 ? -1 : text[..colon].LastIndexOf((byte)' ');
            if (space < 0 || text.StartsWith("unix"u8) || text[..space].EndsWith("metadata"u8))
            {
                to.Add(text);
                return;
            }
            var address = text[(space + 1)..colon];
            var port = text[(colon + 1)..];
            to.Add(text[..(space + 1)]);
            Into(text[..(space + 1)]);
            var high = port.SequenceEqual("high"u8);
            if (!high && !PeerPattern.IsMiddlePort(port))
                Into(port);
            else if (Step(Ports, port, space + 1, high, LiteralPorts))
                port = "high"u8;
            if (PeerPattern.IsName(address))
            {
                Name(address, space + 1, ref to);
                to.Add((byte)':');
                to.Add(port);
                Weigh(_isNew, leaf: true);
                return;
            }
            var prefix = PeerPattern.PrefixOf(address);
            var any = address.SequenceEqual("*"u8);
            var covered = Step(Prefixes, prefix, space + 1, any);
            if (any || (covered && mode != Mode.Learn))
                to.Add((byte)'*');
            else if (Step(Addresses, address, space + 1, address.Contains((byte)'*')))
            {
                to.Add(prefix);
                to.Add(prefix.Contains((byte)'[') ? "*]"u8 : "*"u8);
            }
            else
                to.Add(address);
            to.Add((byte)':');
            to.Add(port);
            Weigh(_isNew, leaf: true);
        }

        /// <summary>"a.b.example.com": names of one registrable domain, those that look random apart; domains never.</summary>
        void Name(ReadOnlySpan<byte> name, int at, scoped ref ByteWriter to)
        {
            var below = DomainName.Below(name);
            var domain = DomainName.DomainOf(name);
            var random = DomainName.IsRandom(below);
            if (!below.IsEmpty && Step(KeyHash.Of(random ? RandomNames : Names, domain), below, at, below is [(byte)'*'] or [(byte)'*', (byte)'x']))
            {
                to.Add(random ? "*x."u8 : "*."u8);
                to.Add(domain);
            }
            else
                to.Add(name);
        }

        /// <summary>A name that stands for itself whatever comes.</summary>
        void Into(ReadOnlySpan<byte> name)
        {
            var child = KeyHash.Of(name);
            _isNew = false;
            _hard = KeyHash.Mix(_hard, child);
            _view = _parted ? KeyHash.Mix(_view, child) : _hard;
        }

        /// <summary>A name of a group: counts it when learning; is it written as the group's pattern?</summary>
        bool Step(ulong type, ReadOnlySpan<byte> name, int at, bool pattern, byte most = PatternTrie.MostChildren)
        {
            var child = KeyHash.Of(name);
            var group = KeyHash.Mix(_hard, type);
            var hard = pattern || trie.IsHard(group);
            if (mode == Mode.Learn)
                Count(group, child, (pattern, hard), at, most);
            if (mode == Mode.Identity)
            {
                _hard = hard ? KeyHash.Mix(group, Hard) : KeyHash.Mix(_hard, child);
                return hard;
            }
            var covered = hard || (!_parted && trie.IsCollapsed(group));
            if (_parted)
            {
                var pooled = KeyHash.Mix(_view, type);
                if (mode == Mode.Learn && (hard ? trie.Harden(pooled) : trie.Count(pooled, child, Unit, Again, most).Turned))
                    Turn(_partedAt);
                covered = hard || trie.IsCollapsed(pooled);
                _view = covered ? KeyHash.Mix(pooled, Pooled) : KeyHash.Mix(_view, child);
            }
            else if (covered && !hard)
                (_parted, _partedAt, _view) = (true, at, KeyHash.Mix(group, Pooled));
            _hard = hard ? KeyHash.Mix(group, Hard) : KeyHash.Mix(_hard, child);
            if (!_parted)
                _view = _hard;
            return covered;
        }

        void Count(ulong group, ulong child, (bool Pattern, bool Hard) name, int at, byte most)
        {
            if (name.Hard)
            {
                if (name.Pattern)
                    Hardened |= trie.Harden(group);
                _hardenedAt = _length;
                _isNew = false;
                return;
            }
            var counted = trie.Count(group, child, Unit, Again, most);
            if (counted.Turned && !_parted)
                Turn(at);
            _isNew = counted.IsNew;
            if (_length < MostWeighed)
                _way[_length++] = (group, child);
        }

        void Turn(int at)
        {
            if (Turned is null || at < Turned.Value.End.Value)
                Turned = _start..at;
        }

        /// <summary>A new text weighs in the groups above it, and a pattern as many texts; what has become hard is so from now on.</summary>
        /// <param name="leaf">The last name of the way has nothing below it.</param>
        void Weigh(bool isNew, bool leaf)
        {
            if (mode != Mode.Learn)
                return;
            for (var i = 0; i < _length; i++)
            {
                var (group, child) = _way[i];
                var pattern = leaf ? i < _hardenedAt : _hardenedAt >= 0;
                if (pattern || (isNew && !(leaf && i == _length - 1)))
                    trie.Weigh(group, child, pattern);
                if (trie.IsRipe(group))
                    Hardened |= trie.Harden(group);
            }
        }
    }
}
