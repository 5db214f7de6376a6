package key

import (
	"context"
	stdlib "crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"aergo/repo/object"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

// verdict is a signature together with what every way of verifying must say of it.
type verdict struct {
	name string
	item signed
	good bool
}

// torsionSignature signs with a key that has a component of small order, and gives R one
// as well. Cofactored verification accepts this; the standard library does not.
func torsionSignature(t testing.TB) signed {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	torsion := smallOrder(t)[10] // of order 8
	var T, A, R curve.EdwardsPoint
	compressed := curve.CompressedEdwardsY(torsion)
	_, err := T.SetCompressedY(&compressed)
	must(err)

	wide := func(data ...[]byte) *scalar.Scalar {
		h := sha512.New()
		for _, d := range data {
			h.Write(d)
		}
		s, err := scalar.NewFromBytesModOrderWide(h.Sum(nil))
		must(err)
		return s
	}
	a, r := wide([]byte("secret")), wide([]byte("nonce"))
	A.MulBasepoint(curve.ED25519_BASEPOINT_TABLE, a)
	A.Add(&A, &T)
	R.MulBasepoint(curve.ED25519_BASEPOINT_TABLE, r)
	R.Add(&R, &T)

	var encA, encR curve.CompressedEdwardsY
	encA.SetEdwardsPoint(&A)
	encR.SetEdwardsPoint(&R)
	message := DomainTag.appendMessage(nil, testLineage, testID)
	k := wide(encR[:], encA[:], message)
	var s scalar.Scalar
	s.Mul(k, a)
	s.Add(&s, r)
	it := signed{pub: Public(encA), domain: DomainTag, lineage: testLineage, id: testID}
	copy(it.sig[:32], encR[:])
	must(s.ToBytes(it.sig[32:]))
	if stdlib.Verify(it.pub[:], message, it.sig[:]) {
		t.Fatal("the standard library accepts it: it proves nothing")
	}
	return it
}

func verdicts(t testing.TB) []verdict {
	t.Helper()
	sign := func(n byte) signed {
		priv := testKey(n)
		return signed{priv.Public(), DomainBatch, testLineage, testID, priv.Sign(DomainBatch, testLineage, testID)}
	}
	list := []verdict{{"plain", sign(1), true}, {"torsion in key and R", torsionSignature(t), true}}
	add := func(name string, change func(*signed)) {
		it := sign(2)
		change(&it)
		list = append(list, verdict{name, it, false})
	}
	add("other domain", func(s *signed) { s.domain = DomainBlock })
	add("flipped R", func(s *signed) { s.sig[3] ^= 4 })
	add("flipped S", func(s *signed) { s.sig[35] ^= 4 })
	add("other key", func(s *signed) { s.pub = testKey(9).Public() })
	add("key off the curve", func(s *signed) { s.pub = Public{2} })
	add("R off the curve", func(s *signed) { clear(s.sig[:32]); s.sig[0] = 2 })
	add("S not reduced", func(s *signed) {
		// S + L is the same scalar: accepting it would make signatures malleable.
		order := [32]byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}
		carry := 0
		for i, b := range order {
			sum := int(s.sig[32+i]) + int(b) + carry
			s.sig[32+i], carry = byte(sum), sum>>8
		}
	})
	for i, p := range smallOrder(t) {
		// R = identity and S = 0 satisfy the equation for each of these keys.
		add(fmt.Sprintf("small order key %d", i), func(s *signed) { s.pub, s.sig = p, Signature{0: 1} })
	}
	return list
}

// One rule for all: single, cached, alone in a batch, and in the midst of good ones, in
// groups below and above the size at which the library changes its algorithm.
func TestSingleAndBatchAgree(t *testing.T) {
	ctx, fill := t.Context(), testKey(5)
	cache := NewCache(4)
	for _, v := range verdicts(t) {
		it := v.item
		ways := map[string]error{
			"single": Verify(it.pub, it.domain, it.lineage, it.id, it.sig),
			"cached": cache.Verify(it.pub, it.domain, it.lineage, it.id, it.sig),
		}
		for _, around := range []int{0, 3, 120} {
			batch := NewVerifier(cache)
			for i := range 2*around + 1 {
				if i == around {
					batch.Add(it.pub, it.domain, it.lineage, it.id, it.sig)
					continue
				}
				id := object.Sum([]byte{byte(i)})
				batch.Add(fill.Public(), DomainOrder, testLineage, id, fill.Sign(DomainOrder, testLineage, id))
			}
			ways[fmt.Sprintf("batch with %d", around)] = batch.VerifyAll(ctx, 2)
		}
		for way, err := range ways {
			if good := err == nil; good != v.good || (!good && !errors.Is(err, ErrBadSignature)) {
				t.Errorf("%s: %s gives %v, want good = %v", v.name, way, err, v.good)
			}
		}
	}
}

func fillVerifier(v *Verifier, n, keys int) {
	privs := make([]Private, keys)
	for i := range privs {
		privs[i] = testKey(byte(i))
	}
	for i := range n {
		id := object.Sum(binary.BigEndian.AppendUint32(nil, uint32(i)))
		priv := privs[i%keys]
		v.Add(priv.Public(), DomainBatch, testLineage, id, priv.Sign(DomainBatch, testLineage, id))
	}
}

func TestVerifyAllNamesTheFirstBad(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const n = 2500
	v := NewVerifier(NewCache(8))
	fillVerifier(v, n, 20) // more keys than the cache holds
	if err := v.VerifyAll(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		first := n
		saved := make(map[int]signed)
		for range 1 + rng.IntN(3) {
			i := rng.IntN(n)
			if _, done := saved[i]; done {
				continue
			}
			saved[i] = v.items[i]
			first = min(first, i)
			if rng.IntN(2) == 0 {
				v.items[i].pub = Public{2} // no point of the curve
			} else {
				v.items[i].sig[rng.IntN(SignatureSize)] ^= 1
			}
		}
		for _, workers := range []int{-1, 1, 2, 7} {
			var bad *BatchError
			err := v.VerifyAll(t.Context(), workers)
			if !errors.As(err, &bad) || bad.Index != first || bad.ID != v.items[first].id || !errors.Is(err, ErrBadSignature) {
				t.Errorf("%d workers: %v, want index %d", workers, err, first)
			}
		}
		for i, it := range saved {
			v.items[i] = it
		}
	}
}

func TestVerifyAllEdges(t *testing.T) {
	v := NewVerifier(NewCache(0))
	if err := v.VerifyAll(t.Context(), 2); err != nil {
		t.Errorf("empty: %v", err)
	}
	fillVerifier(v, 100, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.VerifyAll(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if v.Len() != 100 {
		t.Errorf("%d signatures are left", v.Len())
	}
	if v.Reset(); v.Len() != 0 {
		t.Error("Reset keeps signatures")
	}
}

func BenchmarkSign(b *testing.B) {
	priv := testKey(1)
	for b.Loop() {
		priv.Sign(DomainBatch, testLineage, testID)
	}
}

func BenchmarkVerifySingle(b *testing.B) {
	priv, cache := testKey(1), NewCache(4)
	sig := priv.Sign(DomainBatch, testLineage, testID)
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if err := Verify(priv.Public(), DomainBatch, testLineage, testID, sig); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if err := cache.Verify(priv.Public(), DomainBatch, testLineage, testID, sig); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerifyAll(b *testing.B) {
	for _, n := range []int{64, 1024, 8192} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("n=%d/workers=%d", n, workers), func(b *testing.B) {
				v := NewVerifier(NewCache(1024))
				fillVerifier(v, n, 100)
				for b.Loop() {
					if err := v.VerifyAll(b.Context(), workers); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "sigs/s")
			})
		}
	}
}
