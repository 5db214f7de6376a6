package ui

import "strings"

// suggestMaxRunes bounds the words that are compared, as the cost is their product.
const suggestMaxRunes = 64

// Suggest returns the candidate that was probably meant by word, and false if none is
// near. Near is an edit distance of a third of the word, at least 1; a candidate that word
// begins comes after those. Of equally near ones the first is taken.
func Suggest(word string, candidates []string) (string, bool) {
	w := []rune(strings.ToLower(word))
	if len(w) == 0 || len(w) > suggestMaxRunes {
		return "", false
	}
	best, bestDistance := "", max(1, len(w)/3)+1
	for _, c := range candidates {
		r := []rune(strings.ToLower(c))
		if len(r) == 0 || len(r) > suggestMaxRunes || c == word {
			continue
		}
		if d := editDistance(w, r); d < bestDistance && d < len(r) {
			best, bestDistance = c, d
		}
	}
	if best != "" {
		return best, true
	}
	for _, c := range candidates {
		if len(w) >= 2 && c != word && strings.HasPrefix(strings.ToLower(c), string(w)) {
			return c, true
		}
	}
	return "", false
}

// editDistance counts the insertions, deletions, substitutions and swaps of neighbours
// that turn a into b (optimal string alignment: nothing is edited twice).
func editDistance(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range b {
			substitute := above[j]
			if a[i] != b[j] {
				substitute++
			}
			row[j+1] = min(substitute, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
